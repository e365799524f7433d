/** Light or dark: the system's wish until the visitor chooses, then the choice, kept in this browser. */
import { useCallback, useState } from "react";

export type Theme = "light" | "dark";
const KEY = "shortlist.theme";

export function initialTheme(): Theme {
  const stored = read();
  if (stored) return stored;
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Call once before the first paint: only a stored choice overrides the style sheet's `light dark`. */
export function applyStoredTheme(): void {
  const stored = read();
  if (stored) document.documentElement.dataset["theme"] = stored;
}

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(initialTheme);
  const toggle = useCallback(() => {
    setTheme((now) => {
      const next = now === "dark" ? "light" : "dark";
      document.documentElement.dataset["theme"] = next;
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Storage may be forbidden; the choice then lasts as long as the page.
      }
      return next;
    });
  }, []);
  return [theme, toggle];
}

function read(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}
