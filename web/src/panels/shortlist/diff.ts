/** What changed between two lists shown one after the other. */

export type Mark = { kind: "new" } | { kind: "up" | "down"; by: number } | { kind: "kept" };

export interface ListDiff<T> {
  /** Per item id of the newer list. */
  marks: Map<string, Mark>;
  /** Items of the older list that are gone, in their old order. */
  left: T[];
  counts: { new: number; up: number; down: number; kept: number };
}

interface Placed {
  item_id: string;
}

/** Places are the order in the array. An id that occurs twice counts where it occurs first. */
export function diffLists<T extends Placed>(before: readonly T[], after: readonly T[]): ListDiff<T> {
  const old = places(before);
  const now = places(after);
  const marks = new Map<string, Mark>();
  const counts = { new: 0, up: 0, down: 0, kept: 0 };
  for (const [id, place] of now) {
    const mark = markOf(old.get(id), place);
    marks.set(id, mark);
    counts[mark.kind] += 1;
  }
  const left = before.filter((item, place) => !now.has(item.item_id) && old.get(item.item_id) === place);
  return { marks, left, counts };
}

function markOf(from: number | undefined, to: number): Mark {
  if (from === undefined) return { kind: "new" };
  if (from === to) return { kind: "kept" };
  return from > to ? { kind: "up", by: from - to } : { kind: "down", by: to - from };
}

function places(items: readonly Placed[]): Map<string, number> {
  const found = new Map<string, number>();
  items.forEach((item, place) => {
    if (!found.has(item.item_id)) found.set(item.item_id, place);
  });
  return found;
}

/** One sentence for the eye and for the screen reader. */
export function describe(diff: ListDiff<unknown>): string {
  const { counts, left } = diff;
  const parts = [
    counts.new && `${counts.new} new`,
    counts.up && `${counts.up} up`,
    counts.down && `${counts.down} down`,
    counts.kept && `${counts.kept} in place`,
    left.length && `${left.length} left`,
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : "nothing to compare";
}
