/** A `fetch` that answers from a table and remembers what it was asked. */
import { vi } from "vitest";

import type { Item, Recommendation } from "../api/types";

export interface Call {
  method: string;
  path: string;
  body: unknown;
}

type Answer = Response | Promise<Response>;
type Routes = Record<string, (call: Call) => Answer>;

/** Keys are "GET /v1/users", without the query. What is not listed answers 404. */
export function stubServer(routes: Routes): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (input: string, init: RequestInit = {}) => {
    const { pathname, search } = new URL(input, "http://test");
    const text = typeof init.body === "string" ? init.body : "";
    const call = {
      method: init.method ?? "GET",
      path: pathname + search,
      body: text ? JSON.parse(text) : undefined,
    };
    calls.push(call);
    const route = routes[`${call.method} ${pathname}`];
    return route ? route(call) : problem(404, { title: "Not found", code: "not_found" });
  });
  return calls;
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

export function problem(status: number, body: Record<string, unknown>): Response {
  return new Response(JSON.stringify({ status, ...body }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}

export function item(item_id: string, position: number, more: Partial<Item> = {}): Item {
  const reasons = [{ text: "Because you read Z", source: "trails", item_id: "z" }];
  return { item_id, score: 1 / position, position, reasons, fields: { title: `Title ${item_id}` }, ...more };
}

export function list(request_id: string, ids: string[], more: Partial<Recommendation> = {}): Recommendation {
  return {
    request_id,
    bundle: "b1",
    experiment: null,
    served_by: "home/gbdt",
    degraded: [],
    cold_start: false,
    items: ids.map((id, i) => item(id, i + 1)),
    shortfall: null,
    next_cursor: null,
    ...more,
  };
}

export const READY = {
  status: "ready",
  bundle: "b1",
  items: 12,
  users: 3,
  surfaces: ["home"],
  ranker: "gbdt",
};
export const SURFACES = {
  surfaces: [
    { name: "home", pipeline: "home", hash: "h", k: 10, stages: [{ kind: "source", name: "trails" }] },
    { name: "latest", pipeline: "latest", hash: "l", k: 10, stages: [] },
  ],
};

/** The quiet half of the contract; tests add what they are about. */
export function worldWith(routes: Routes): Call[] {
  return stubServer({
    "GET /health/ready": () => json(READY),
    "GET /v1/surfaces": () => json(SURFACES),
    "GET /v1/users": () =>
      json({
        users: [
          { user_id: "u1", n_events: 4 },
          { user_id: "u2", n_events: 1 },
        ],
      }),
    "GET /v1/users/u1": () => json({ user_id: "u1", known: true, history: [] }),
    ...routes,
  });
}

export function asked(calls: Call[], method: string, path: string): Call[] {
  return calls.filter((call) => call.method === method && call.path.split("?")[0] === path);
}
