import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api } from "../../api/client";
import { asApiError } from "../../api/errors";

const PAUSE_MS = 140;
const PAGE = 50;

/** Users whose id starts with the text, asked for once the typing pauses. */
export function useUserSearch(text: string, enabled: boolean) {
  const q = usePaused(text.trim());
  const query = useQuery({
    queryKey: ["users", q],
    queryFn: ({ signal }) => api.users(q, signal),
    enabled,
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });
  const users = query.data?.users ?? [];
  const settled = q === text.trim() && !query.isPlaceholderData && !query.isLoading;
  return { users, settled, note: note() };

  function note(): string {
    if (query.isError) return `${asApiError(query.error).problem.title}. Any id can still be typed.`;
    if (query.isLoading) return "Looking up users…";
    if (settled && users.length === 0) return q ? `No known user starts with “${q}”.` : "No known users yet.";
    return users.length >= PAGE ? `The first ${PAGE}. Type to narrow down.` : "";
  }
}

function usePaused(value: string): string {
  const [paused, setPaused] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(value), value === "" ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return paused;
}
