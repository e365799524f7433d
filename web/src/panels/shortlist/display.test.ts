import { expect, test } from "vitest";

import { barWidth, labelsOf, showValue, titleOf } from "./display";

test("a title, a name, or the id", () => {
  expect(titleOf({ item_id: "7", fields: { title: "Heat" } })).toBe("Heat");
  expect(titleOf({ item_id: "7", fields: { title: "", name: "Heat (1995)" } })).toBe("Heat (1995)");
  expect(titleOf({ item_id: "7", fields: null })).toBe("7");
});

test("labels from lists, from joined text, each once", () => {
  expect(labelsOf({ category: "film", genres: ["film", "drama"] })).toEqual(["film", "drama"]);
  expect(labelsOf({ genres: "Action| Crime |Drama" })).toEqual(["Action", "Crime", "Drama"]);
  expect(labelsOf(undefined)).toEqual([]);
});

test("bars: best is full, negative and equal scores stay sensible", () => {
  expect([1, 0.5, 0].map((one) => barWidth(one, [1, 0.5, 0]))).toEqual([100, 50, 4]);
  expect([1, 0, -1].map((one) => barWidth(one, [1, 0, -1]))).toEqual([100, 50, 4]);
  expect([-1, -2].map((one) => barWidth(one, [-1, -2]))).toEqual([100, 4]);
  expect(barWidth(3, [3, 3])).toBe(100);
  expect(barWidth(0, [0, 0])).toBe(100);
  expect(barWidth(null, [1, null])).toBe(0);
});

test("values as text", () => {
  expect([null, true, 3, 0.123456, ["a", null], "x"].map(showValue)).toEqual([
    "–",
    "true",
    "3",
    "0.1235",
    "a, –",
    "x",
  ]);
});
