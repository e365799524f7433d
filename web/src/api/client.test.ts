import { describe, expect, test, vi } from "vitest";

import { asked, json, problem, stubServer } from "../test/server";
import { api, call } from "./client";
import { ApiError } from "./errors";

const EVENT = {
  event: "interaction",
  event_id: "e1",
  user_id: "u1",
  item_id: "i1",
  type: "click",
  request_id: "r1",
} as const;

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe("errors", () => {
  test("a problem body keeps the server's own words", async () => {
    const body = {
      type: "https://example.org/errors/invalid",
      title: "Invalid request",
      code: "invalid",
      detail: "k must be between 1 and 500.",
      hint: "Ask for fewer items.",
      request_id: "r-77",
      field: "k",
    };
    stubServer({ "POST /v1/recommend": () => problem(422, body) });
    const error = await failure(api.recommend({ user_id: "u1", surface: "home", k: 900 }));
    expect(error.status).toBe(422);
    expect(error.problem).toEqual({ ...body, status: 422 });
    expect(error.message).toBe("k must be between 1 and 500.");
  });

  test("an error page that is not JSON still says what came", async () => {
    const answer = () =>
      new Response("<h1>Bad\n gateway</h1>", {
        status: 502,
        statusText: "Bad Gateway",
        headers: { "x-request-id": "r9" },
      });
    stubServer({ "GET /health/ready": answer });
    const { problem: found } = await failure(api.ready());
    expect(found).toMatchObject({
      status: 502,
      title: "Bad Gateway",
      detail: "<h1>Bad gateway</h1>",
      request_id: "r9",
    });
  });

  test("Retry-After becomes the hint when the body has none", async () => {
    const answer = () => new Response("", { status: 429, headers: { "retry-after": "7" } });
    stubServer({ "GET /v1/users": answer });
    expect((await failure(api.users(""))).problem.hint).toBe("Try again in 7 s.");
  });

  test("a success that is not JSON is an error, not a crash later on", async () => {
    stubServer({ "GET /v1/surfaces": () => new Response("<!doctype html>") });
    expect((await failure(api.surfaces())).problem.code).toBe("not_json");
  });

  test("no server at all", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const error = await failure(api.surfaces());
    expect(error.problem).toMatchObject({ status: 0, code: "unreachable", detail: "Failed to fetch" });
  });

  test("a server that hangs is given up", async () => {
    stubHanging();
    const error = await failure(call("GET", "/v1/slow", { timeoutMs: 5 }));
    expect(error.problem).toMatchObject({ code: "timeout", status: 0 });
  });

  test("the caller's own abort is passed on as it is", async () => {
    stubHanging();
    const controller = new AbortController();
    const pending = call("GET", "/v1/slow", { signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("endpoints", () => {
  test("ids are escaped, whatever they contain", async () => {
    const calls = stubServer({
      "GET /v1/items/N9%2F%3Codd%3E": () => json({ item_id: "N9/<odd>", fields: {} }),
      "GET /v1/users": () => json({ users: [] }),
    });
    expect((await api.item("N9/<odd>")).item_id).toBe("N9/<odd>");
    await api.users("a&b=ü");
    expect(calls[1]?.path).toBe("/v1/users?q=a%26b%3D%C3%BC&limit=50");
  });

  test("recommend asks for explanations", async () => {
    const calls = stubServer({ "POST /v1/recommend": () => json({}) });
    await api.recommend({ user_id: "u1", surface: "home", k: 3 });
    expect(calls[0]?.body).toEqual({ user_id: "u1", surface: "home", k: 3, explain: true });
  });

  test("a rejected event is an error with the server's reason", async () => {
    const rows = [{ event_id: "e1", status: "rejected", reason: "unknown item i1" }];
    stubServer({ "POST /v1/events": () => json({ accepted: 0, duplicates: 0, rejected: 1, rows }) });
    expect((await failure(api.event(EVENT))).problem.detail).toBe("unknown item i1");
  });

  test("a duplicate event is fine: it is stored already", async () => {
    const answer = {
      accepted: 0,
      duplicates: 1,
      rejected: 0,
      rows: [{ event_id: "e1", status: "duplicate" }],
    };
    const calls = stubServer({ "POST /v1/events": () => json(answer) });
    expect(await api.event(EVENT)).toEqual(answer);
    expect(asked(calls, "POST", "/v1/events")).toHaveLength(1);
    expect(calls[0]?.body).toEqual(EVENT);
  });
});

function stubHanging(): void {
  vi.stubGlobal("fetch", (_input: string, init: RequestInit) => {
    return new Promise((_resolve, reject) => {
      const stop = () => reject(new DOMException("aborted", "AbortError"));
      if (init.signal?.aborted) stop();
      init.signal?.addEventListener("abort", stop);
    });
  });
}
