import { expect, test } from "vitest";

import { ago, hueOf, millis, plural, score } from "./format";

test("scores at every scale", () => {
  expect([0.5, 12.3456, 1234.5, 0.00012, -2, 0].map(score)).toEqual([
    "0.500",
    "12.3",
    "1,235",
    "1.2e-4",
    "-2.00",
    "0.00",
  ]);
  expect([null, undefined, NaN, Infinity].map(score)).toEqual(["–", "–", "–", "–"]);
});

test("plurals and milliseconds", () => {
  expect([plural(1, "item"), plural(0, "item"), plural(12345, "item")]).toEqual([
    "1 item",
    "0 items",
    "12,345 items",
  ]);
  expect([millis(0.004), millis(1.234), millis(42.4)]).toEqual(["<0.01 ms", "1.23 ms", "42 ms"]);
});

test("ages from seconds, from ISO text, from nonsense", () => {
  const now = Date.parse("2026-01-02T00:00:00Z");
  const s = now / 1000;
  expect(ago(s, now)).toBe("just now");
  expect([59, 60, 3600, 86_400, 86_400 * 59].map((past) => ago(s - past, now))).toEqual([
    "59 s ago",
    "1 min ago",
    "1 h ago",
    "1 d ago",
    "59 d ago",
  ]);
  expect(ago("1998-04-22T23:10:38Z", now)).toBe("1998-04-22");
  expect([ago(null, now), ago("yesterday-ish", now)]).toEqual(["", ""]);
});

test("a name always has the same colour", () => {
  expect(hueOf("trails")).toBe(hueOf("trails"));
  for (const name of ["", "trails", "ü", "a".repeat(999)]) expect(hueOf(name)).toBeGreaterThanOrEqual(0);
  expect(hueOf("a".repeat(999))).toBeLessThan(360);
});
