/**
 * A clicked card often leaves the list and takes the keyboard's place with it; the card that moves up gets
 * it.
 */
import { useCallback, useLayoutEffect, useRef, type RefObject } from "react";

/** Returns a function to call with the place of the card that is being clicked. */
export function useKeptFocus(grid: RefObject<HTMLElement | null>, version: string): (place: number) => void {
  const place = useRef<number | null>(null);
  useLayoutEffect(() => {
    const wanted = place.current;
    place.current = null;
    if (wanted === null || document.activeElement !== document.body) return;
    const titles = grid.current?.querySelectorAll<HTMLElement>(".card-hit") ?? [];
    titles[Math.min(wanted, titles.length - 1)]?.focus({ preventScroll: true });
  }, [grid, version]);
  return useCallback((next) => (place.current = next), []);
}
