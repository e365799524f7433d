import { expect, test } from "vitest";

import { describe as inWords, diffLists } from "./diff";

const rows = (ids: string) => [...ids].map((item_id) => ({ item_id }));
const marksOf = (before: string, after: string) =>
  Object.fromEntries(diffLists(rows(before), rows(after)).marks);

test("new, moved and kept", () => {
  expect(marksOf("abcd", "adbx")).toEqual({
    a: { kind: "kept" },
    d: { kind: "up", by: 2 },
    b: { kind: "down", by: 1 },
    x: { kind: "new" },
  });
});

test("what left is listed in its old order", () => {
  const diff = diffLists(rows("abcd"), rows("db"));
  expect(diff.left).toEqual(rows("ac"));
  expect(diff.counts).toEqual({ new: 0, up: 1, down: 0, kept: 1 });
});

test("the same list changes nothing", () => {
  const diff = diffLists(rows("abc"), rows("abc"));
  expect(diff.counts).toEqual({ new: 0, up: 0, down: 0, kept: 3 });
  expect(diff.left).toEqual([]);
});

test("nothing in common, and nothing at all", () => {
  expect(diffLists(rows("ab"), rows("xy")).counts).toEqual({ new: 2, up: 0, down: 0, kept: 0 });
  expect(diffLists(rows(""), rows("")).marks.size).toBe(0);
  expect(diffLists(rows("ab"), rows("")).left).toEqual(rows("ab"));
});

test("an id that occurs twice counts once, where it comes first", () => {
  const diff = diffLists(rows("aba"), rows("ba"));
  expect(Object.fromEntries(diff.marks)).toEqual({ b: { kind: "up", by: 1 }, a: { kind: "down", by: 1 } });
  expect(diffLists(rows("aab"), rows("b")).left).toEqual(rows("a"));
});

test("one sentence for all of it", () => {
  expect(inWords(diffLists(rows("abcd"), rows("adbx")))).toBe("1 new, 1 up, 1 down, 1 in place, 1 left");
  expect(inWords(diffLists(rows(""), rows("")))).toBe("nothing to compare");
});
