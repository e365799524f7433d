import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";

import { App } from "../../App";
import { makeQueryClient } from "../../app/queries";
import { asked, item, json, list, problem, worldWith, type Call } from "../../test/server";

const ACCEPTED = (call: Call) => {
  const { event_id } = call.body as { event_id: string };
  return json({ accepted: 1, duplicates: 0, rejected: 0, rows: [{ event_id, status: "accepted" }] });
};

/** Answers the lists one after the other, then the last one again. */
function inTurn(...lists: ReturnType<typeof list>[]) {
  let next = 0;
  return () => json(lists[Math.min(next++, lists.length - 1)]);
}

function open(hash: string) {
  window.history.replaceState(null, "", hash);
  return render(
    <QueryClientProvider client={makeQueryClient()}>
      <App />
    </QueryClientProvider>,
  );
}

const title = (name: string) => screen.findByRole("button", { name });
const card = (id: string) => document.querySelector<HTMLElement>(`[data-item="${id}"]`);

beforeEach(() => localStorage.clear());

test("a click posts exactly one event, however often it is pressed, and the list adapts", async () => {
  const calls = worldWith({
    "POST /v1/recommend": inTurn(list("r1", ["a", "b", "c", "d"]), list("r2", ["c", "a", "x", "d"])),
    "POST /v1/events": ACCEPTED,
  });
  open("#/shortlist?user=u1");
  const button = await title("Title b");
  for (let i = 0; i < 3; i++) fireEvent.click(button);
  await screen.findByText("Click sent");

  await waitFor(() => expect(card("x")).not.toBeNull());
  const events = asked(calls, "POST", "/v1/events");
  expect(events).toHaveLength(1);
  expect(events[0]?.body).toMatchObject({
    event: "interaction",
    type: "click",
    user_id: "u1",
    item_id: "b",
    request_id: "r1",
    event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(asked(calls, "POST", "/v1/recommend")).toHaveLength(2);
  expect(card("b")).toBeNull();
  expect(card("c")?.textContent).toContain("up 2 places");
  expect(card("a")?.textContent).toContain("down 1 place");
  expect(within(card("x") as HTMLElement).getByText("New")).toBeTruthy();
  expect(card("d")?.querySelector(".mark")).toBeNull();
  expect(screen.getByText(/1 new, 1 up, 1 down, 1 in place, 1 left/)).toBeTruthy();
  expect(screen.getByTestId("sitting").textContent).toContain("Title b");
});

test("a click that fails is taken back; retry sends the same event once more", async () => {
  let broken = true;
  const calls = worldWith({
    "POST /v1/recommend": inTurn(list("r1", ["a", "b"]), list("r2", ["a"])),
    "POST /v1/events": (call) =>
      broken
        ? problem(503, { title: "Log is full", detail: "No space left.", request_id: "q1" })
        : ACCEPTED(call),
  });
  open("#/shortlist?user=u1");
  fireEvent.click(await title("Title b"));
  const banner = await screen.findByRole("alert");
  expect(banner.textContent).toContain("No space left.");
  expect(banner.textContent).toContain("q1");
  expect(screen.queryByText("Click sent")).toBeNull();
  expect(asked(calls, "POST", "/v1/recommend")).toHaveLength(1);

  broken = false;
  fireEvent.click(within(banner).getByRole("button", { name: "Retry" }));
  await waitFor(() => expect(card("b")).toBeNull());
  const [first, second, ...more] = asked(calls, "POST", "/v1/events");
  expect(more).toEqual([]);
  expect(second?.body).toEqual(first?.body);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("an item that stays after its click is marked and can be clicked again", async () => {
  const calls = worldWith({
    "POST /v1/recommend": inTurn(list("r1", ["a", "b"]), list("r2", ["a", "b"]), list("r3", ["a", "b"])),
    "POST /v1/events": ACCEPTED,
  });
  open("#/shortlist?user=u1");
  fireEvent.click(await title("Title a"));
  await screen.findByText("Clicked");
  fireEvent.click(await title("Title a"));
  await waitFor(() => expect(asked(calls, "POST", "/v1/recommend")).toHaveLength(3));
  const [first, second] = asked(calls, "POST", "/v1/events").map(
    (call) => call.body as Record<string, string>,
  );
  expect(first?.["event_id"]).not.toBe(second?.["event_id"]);
  expect(second?.["request_id"]).toBe("r2");
});

test("cold start, degraded parts and a short list are said", async () => {
  worldWith({
    "POST /v1/recommend": () =>
      json(list("r1", ["a"], { cold_start: true, degraded: ["trending"], shortfall: 7 })),
  });
  open("#/shortlist?user=visitor-1");
  expect((await screen.findByTestId("cold-badge")).textContent).toContain("Cold start");
  expect(screen.getByText(/answered without trending/)).toBeTruthy();
  expect(screen.getByText(/7 of 8 places stayed empty/)).toBeTruthy();
});

test("a failed list says why and recovers by retry", async () => {
  let broken = true;
  worldWith({
    "POST /v1/recommend": () =>
      broken
        ? problem(422, {
            title: "Invalid",
            code: "invalid",
            detail: "Bad user.",
            hint: "Use NFC.",
            field: "user_id",
          })
        : json(list("r1", ["a"])),
  });
  open("#/shortlist?user=u1");
  const banner = await screen.findByRole("alert");
  for (const words of ["422", "invalid", "Bad user.", "Use NFC.", "user_id"])
    expect(banner.textContent).toContain(words);
  broken = false;
  fireEvent.click(within(banner).getByRole("button", { name: "Retry" }));
  await title("Title a");
  expect(screen.queryByRole("alert")).toBeNull();
});

test("titles and reasons are text, never markup", async () => {
  const evil = '<img src=x onerror="alert(1)">';
  const rows = [item("a", 1, { fields: { title: evil }, reasons: [{ text: evil, source: "<b>" }] })];
  worldWith({ "POST /v1/recommend": () => json(list("r1", [], { items: rows })) });
  open("#/shortlist?user=u1");
  await title(evil);
  expect(document.querySelector(".cards img, .cards b")).toBeNull();
});

test("an empty list and an item without fields do not break the page", async () => {
  const bare = { item_id: "a", score: null, position: 1, reasons: null, fields: null };
  worldWith({ "POST /v1/recommend": inTurn(list("r1", [], { items: [bare] }), list("r2", [])) });
  open("#/shortlist?user=u1");
  await title("a");
  fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
  await screen.findByRole("heading", { name: "An empty list" });
});

test("another user starts with a clean slate", async () => {
  worldWith({
    "POST /v1/recommend": ({ body }) =>
      json((body as { user_id: string }).user_id === "u1" ? list("r1", ["a", "b"]) : list("r2", ["c", "b"])),
  });
  open("#/shortlist?user=u1");
  await title("Title a");
  act(() => {
    window.location.hash = "#/shortlist?user=u2";
    window.dispatchEvent(new PopStateEvent("popstate"));
  });
  await title("Title c");
  expect(document.querySelector(".mark")).toBeNull();
  expect(screen.queryByText(/Since the last list/)).toBeNull();
});

test("Why? opens the trace without clicking the card", async () => {
  const why = {
    request_id: "r1",
    user_id: "u1",
    bundle: "b1",
    surface: "home",
    spec_hash: "spec-9",
    stages: [
      {
        stage: "trails",
        kind: "source",
        rows_in: 0,
        rows_out: 40,
        dropped: 0,
        ms: 1.5,
        failed: false,
        skipped: false,
      },
      {
        stage: "seen",
        kind: "filter",
        rows_in: 40,
        rows_out: 33,
        dropped: 7,
        ms: 0.2,
        failed: false,
        skipped: false,
      },
      {
        stage: "mmr",
        kind: "reranker",
        rows_in: 33,
        rows_out: 33,
        dropped: 0,
        ms: 9,
        failed: "deadline",
        skipped: false,
      },
    ],
    items: [
      { item_id: "a", position: 1, score: 1, sources: { trails: 0.25 }, columns: { log_popularity: 1.5 } },
    ],
  };
  const calls = worldWith({
    "POST /v1/recommend": () => json(list("r1", ["a"])),
    "GET /v1/why": () => json(why),
    "GET /v1/items/a": () => json({ item_id: "a", fields: { year: 1995 } }),
  });
  open("#/shortlist?user=u1");
  fireEvent.click(await screen.findByRole("button", { name: "Why Title a?" }));
  const drawer = await screen.findByRole("dialog");
  const filter = await within(drawer).findByRole("row", { name: /seen/ });
  expect(
    within(filter)
      .getAllByRole("cell")
      .map((cell) => cell.textContent),
  ).toEqual(["40", "−7", "33", "0.20 ms"]);
  expect(within(drawer).getByText(/failed: deadline/)).toBeTruthy();
  expect(within(drawer).getByText("0.250")).toBeTruthy();
  expect(within(drawer).getByText("log_popularity")).toBeTruthy();
  expect(await within(drawer).findByText("1995")).toBeTruthy();
  expect(asked(calls, "GET", "/v1/why")[0]?.path).toBe("/v1/why?request_id=r1");
  expect(asked(calls, "POST", "/v1/events")).toEqual([]);
});

test("the header says what serves, or why nothing does", async () => {
  const { unmount } = openWith(() =>
    json({ ...{ status: "ready", bundle: "b1", items: 1682, users: 943, surfaces: [] }, ranker: "gbdt" }),
  );
  await screen.findByText("Ready");
  expect(screen.getByText("1,682 items")).toBeTruthy();
  await screen.findByText("trails, gbdt");
  unmount();
  openWith(() => problem(503, { title: "Not ready", hint: "Publish a bundle." }));
  await screen.findByText("Not ready");
  expect(screen.getByText("Publish a bundle.")).toBeTruthy();
});

function openWith(ready: () => Response) {
  worldWith({ "GET /health/ready": ready });
  return open("#/");
}
