import { expect, test } from "vitest";

import { newEventId, newVisitorId } from "./ids";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test.each([
  ["randomUUID", undefined],
  ["getRandomValues only", { getRandomValues: crypto.getRandomValues.bind(crypto) }],
  ["no crypto at all", {}],
])("event ids are version 4 UUIDs and differ: %s", (_name, source) => {
  const ids = Array.from({ length: 200 }, () => newEventId(source));
  expect(new Set(ids).size).toBe(200);
  for (const id of ids) expect(id).toMatch(UUID_V4);
});

test("visitors are recognisable and differ", () => {
  expect(newVisitorId()).toMatch(/^visitor-[0-9a-f]{6}$/);
  expect(newVisitorId()).not.toBe(newVisitorId());
});
