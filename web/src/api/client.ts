/** One place that knows HTTP: base address, timeout, JSON, problem bodies. Endpoints are at the bottom. */
import { ApiError, problemOf } from "./errors";
import type {
  EventReceipt,
  InteractionEvent,
  ItemDetail,
  Ready,
  Recommendation,
  RecommendRequest,
  Surface,
  User,
  UserDetail,
  Why,
} from "./types";

const BASE = (import.meta.env.VITE_API_BASE ?? "").replace(/\/+$/, "");
const TIMEOUT_MS = 20_000;

interface Options {
  body?: unknown;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/** Resolves to the parsed body; rejects with ApiError, or with the caller's own AbortError. */
export async function call<T>(method: "GET" | "POST", path: string, options: Options = {}): Promise<T> {
  const { body, signal, timeoutMs = TIMEOUT_MS } = options;
  const controller = new AbortController();
  const relay = () => controller.abort(signal?.reason);
  if (signal?.aborted) relay();
  signal?.addEventListener("abort", relay);
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(BASE + path, {
      method,
      signal: controller.signal,
      headers: {
        accept: "application/json, application/problem+json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw await problemOf(response);
    return await parse<T>(response, method, path);
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw controller.signal.aborted ? tooSlow(path, timeoutMs) : unreachable(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", relay);
  }
}

async function parse<T>(response: Response, method: string, path: string): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError({
      title: "The answer is not JSON",
      status: response.status,
      code: "not_json",
      detail: `${method} ${path} answered ${response.status} with something that is not JSON.`,
      hint: "Another program may be listening there: check the address, or VITE_API_BASE.",
    });
  }
}

function tooSlow(path: string, timeoutMs: number): ApiError {
  return new ApiError({
    title: "The server is taking too long",
    status: 0,
    code: "timeout",
    detail: `No answer from ${path} within ${timeoutMs / 1000} s.`,
    hint: "It may be loading a bundle. Retry, or look at its log.",
  });
}

function unreachable(error: unknown): ApiError {
  return new ApiError({
    title: "The server does not answer",
    status: 0,
    code: "unreachable",
    detail: error instanceof Error ? error.message : "",
    hint: "Start it (shortlist serve), then retry.",
  });
}

const segment = encodeURIComponent;
const query = (params: Record<string, string | number>) =>
  new URLSearchParams(Object.entries(params).map(([name, value]) => [name, String(value)])).toString();

export const api = {
  ready: (signal?: AbortSignal) => call<Ready>("GET", "/health/ready", { signal, timeoutMs: 5_000 }),

  users: (q: string, signal?: AbortSignal) =>
    call<{ users: User[] }>("GET", `/v1/users?${query({ q, limit: 50 })}`, { signal }),

  user: (userId: string, signal?: AbortSignal) =>
    call<UserDetail>("GET", `/v1/users/${segment(userId)}`, { signal }),

  surfaces: (signal?: AbortSignal) => call<{ surfaces: Surface[] }>("GET", "/v1/surfaces", { signal }),

  /** Without `return_fields` the server sends every display field, whatever the catalogue has. */
  recommend: (request: RecommendRequest, signal?: AbortSignal) =>
    call<Recommendation>("POST", "/v1/recommend", { body: { ...request, explain: true }, signal }),

  why: (requestId: string, signal?: AbortSignal) =>
    call<Why>("GET", `/v1/why?${query({ request_id: requestId })}`, { signal }),

  item: (itemId: string, signal?: AbortSignal) =>
    call<ItemDetail>("GET", `/v1/items/${segment(itemId)}`, { signal }),

  /**
   * A rejected row is an error here: the caller sent exactly one. A duplicate is not: it is already stored.
   */
  event: async (event: InteractionEvent): Promise<EventReceipt> => {
    const receipt = await call<EventReceipt>("POST", "/v1/events", { body: event });
    const row = receipt.rows.find((one) => one.event_id === event.event_id);
    if (receipt.rejected > 0 || row?.status === "rejected") {
      throw new ApiError({
        title: "The click was not accepted",
        status: 200,
        code: "rejected",
        detail: row?.reason ?? "The server rejected the event without a reason.",
        request_id: event.request_id,
      });
    }
    return receipt;
  },
};
