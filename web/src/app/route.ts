/**
 * The address bar as state: `#/panel?name=value`. Static hosting needs no rewrite rules, links can be
 * shared.
 */
import { useSyncExternalStore } from "react";

export interface Route {
  panel: string;
  params: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { panel: path, params: new URLSearchParams(search) };
}

export function formatRoute(panel: string, params: Record<string, string>): string {
  const search = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== "")).toString();
  return `#/${panel}${search ? `?${search}` : ""}`;
}

/** `replace` leaves no step for the back button. */
export function navigate(panel: string, params: Record<string, string>, replace = false): void {
  const hash = formatRoute(panel, params);
  if (hash === window.location.hash) return;
  window.history[replace ? "replaceState" : "pushState"](null, "", hash);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parseRoute(hash);
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  window.addEventListener("hashchange", changed);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener("hashchange", changed);
  };
}
