/** How an item's fields become words on a card. Catalogues differ, so every field may be missing. */
import type { Fields, FieldValue, Item } from "../../api/types";

export function titleOf(item: { item_id: string; fields?: Fields | null }): string {
  return text(item.fields?.["title"]) || text(item.fields?.["name"]) || item.item_id;
}

/** Category first, then genres or tags, each once; "Action|Drama" is two. */
export function labelsOf(fields: Fields | null | undefined): string[] {
  const values = ["category", "subcategory", "genres", "tags"].flatMap((name) => words(fields?.[name]));
  return [...new Set(values)];
}

export function summaryOf(fields: Fields | null | undefined): string {
  return text(fields?.["abstract"]) || text(fields?.["description"]) || text(fields?.["plot"]);
}

/** Sources named by the reasons, each once, in order. */
export function sourcesOf(item: Item): string[] {
  return [...new Set((item.reasons ?? []).map((reason) => reason.source).filter(Boolean))];
}

export function showValue(value: FieldValue | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.map(showValue).join(", ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return String(value);
}

/** Width of a bar in percent: the best of the list is full, the worst still visible. */
export function barWidth(value: number | null, all: readonly (number | null)[]): number {
  const numbers = all.filter((one): one is number => one !== null && Number.isFinite(one));
  if (value === null || !Number.isFinite(value) || numbers.length === 0) return 0;
  const best = Math.max(...numbers);
  const worst = Math.min(0, ...numbers);
  return best === worst ? 100 : Math.max(4, (100 * (value - worst)) / (best - worst));
}

function words(value: FieldValue | undefined): string[] {
  if (Array.isArray(value)) return value.flatMap(words);
  return text(value)
    .split("|")
    .map((word) => word.trim())
    .filter(Boolean);
}

function text(value: FieldValue | undefined): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
