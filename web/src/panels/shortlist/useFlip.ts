/** Cards glide from their old place to the new one (first, last, invert, play), unless motion is unwanted. */
import { useLayoutEffect, useRef, type RefObject } from "react";

const MOVE_MS = 420;

/** Children of `container` carry `data-flip`; `version` changes when their order may have changed. */
export function useFlip(container: RefObject<HTMLElement | null>, version: string): void {
  const before = useRef(new Map<string, { x: number; y: number }>());
  useLayoutEffect(() => {
    const box = container.current;
    if (!box) return;
    const calm = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? true;
    const after = new Map<string, { x: number; y: number }>();
    for (const child of box.querySelectorAll<HTMLElement>("[data-flip]")) {
      const id = child.dataset["flip"] ?? "";
      const place = { x: child.offsetLeft, y: child.offsetTop };
      after.set(id, place);
      const from = before.current.get(id);
      if (calm || !from || (from.x === place.x && from.y === place.y)) continue;
      child.animate?.(
        [{ transform: `translate(${from.x - place.x}px, ${from.y - place.y}px)` }, { transform: "none" }],
        { duration: MOVE_MS, easing: "cubic-bezier(.2, .8, .2, 1)" },
      );
    }
    before.current = after;
  }, [container, version]);
}
