export const K_DEFAULT = 8;
/** The server allows 500; a page of more than a hundred cards helps nobody. */
export const K_MAX = 100;

export function clampK(text: string | null): number {
  const k = Math.round(Number(text ?? K_DEFAULT));
  return k >= 1 ? Math.min(k, K_MAX) : K_DEFAULT;
}
