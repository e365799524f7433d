/** What each visitor clicked since the page was opened. Outlives the panel, not the page. */
import { useSyncExternalStore } from "react";

export interface Click {
  item_id: string;
  title: string;
  /** Milliseconds since 1970, this browser's clock. */
  at: number;
}

const NONE: readonly Click[] = [];
const clicks = new Map<string, readonly Click[]>();
const listeners = new Set<() => void>();

/** Newest first; a second click on the same item moves it to the front. */
export function remember(userId: string, click: Click): void {
  const others = (clicks.get(userId) ?? NONE).filter((one) => one.item_id !== click.item_id);
  clicks.set(userId, [click, ...others]);
  listeners.forEach((changed) => changed());
}

export function forgetAll(): void {
  clicks.clear();
  listeners.forEach((changed) => changed());
}

export function useSitting(userId: string): readonly Click[] {
  return useSyncExternalStore(subscribe, () => clicks.get(userId) ?? NONE);
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}
