/**
 * Cache rules: a recommendation is a logged decision, so nothing is fetched again behind the visitor's
 * back.
 */
import { QueryClient, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        networkMode: "always",
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

/** Polled: quicker while the server is not ready, so that the console wakes up with it. */
export function useReady() {
  return useQuery({
    queryKey: ["ready"],
    queryFn: ({ signal }) => api.ready(signal),
    refetchInterval: (query) => (query.state.status === "success" ? 15_000 : 3_000),
  });
}

export function useSurfaces() {
  return useQuery({
    queryKey: ["surfaces"],
    queryFn: ({ signal }) => api.surfaces(signal),
    staleTime: 60_000,
    select: (answer) => answer.surfaces,
  });
}
