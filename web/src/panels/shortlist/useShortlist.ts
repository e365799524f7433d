/** The list of one visitor on one surface, together with what the last refresh changed. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../../api/client";
import type { Item, Recommendation, RecommendRequest } from "../../api/types";
import { diffLists, type ListDiff } from "./diff";

interface Shown {
  k: number;
  list: Recommendation;
  /** Null for the first list: there is nothing to compare it with. */
  diff: ListDiff<Item> | null;
}

export function listKey(userId: string, surface: string) {
  return ["recommend", userId, surface] as const;
}

/** Mount anew for another visitor or surface (React `key`): the comparison starts over with it. */
export function useShortlist({ user_id, surface, k }: RecommendRequest) {
  const query = useQuery({
    queryKey: [...listKey(user_id, surface), k],
    queryFn: ({ signal }) => api.recommend({ user_id, surface, k }, signal),
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: keepPreviousData,
  });

  const [shown, setShown] = useState<Shown | null>(null);
  if (query.data && !query.isPlaceholderData && query.data !== shown?.list) {
    // A longer or shorter list of the same visitor is no adaptation: nothing is marked.
    const comparable = shown !== null && shown.k === k;
    setShown({
      k,
      list: query.data,
      diff: comparable ? diffLists(shown.list.items, query.data.items) : null,
    });
  }
  return { query, list: shown?.list ?? null, diff: shown?.diff ?? null };
}
