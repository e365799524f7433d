import { expect, test } from "vitest";

import { formatRoute, parseRoute } from "./route";

test("what is written can be read again, odd ids included", () => {
  const params = { user: "a&b=c #1/ü", surface: "home", k: "" };
  const { panel, params: read } = parseRoute(formatRoute("shortlist", params));
  expect(panel).toBe("shortlist");
  expect(Object.fromEntries(read)).toEqual({ user: "a&b=c #1/ü", surface: "home" });
});

test("an empty address is an empty route", () => {
  expect(parseRoute("").panel).toBe("");
  expect(parseRoute("#/").panel).toBe("");
});
