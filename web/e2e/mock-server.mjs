/**
 * The HTTP contract of the console on made data, and the built console: `node e2e/mock-server.mjs [port]`.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { byId, items, users } from "./mock-data.mjs";
import { BUNDLE, recommend, SURFACES, why } from "./mock-recommender.mjs";

const CONSOLE = resolve(fileURLToPath(new URL("../../shortlist/doors/http/console", import.meta.url)));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
// As strict as it gets: what the console may load is named, nothing is inline.
const SELF = ["script-src", "style-src", "img-src", "connect-src"].map((name) => `${name} 'self'`).join("; ");
const CSP = `default-src 'none'; ${SELF}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Resolves to {url, close()}. Port 0 takes a free one. */
export function startMock(port = 0, { delayMs = 120 } = {}) {
  const log = new Map(users.map((user) => [user.user_id, [...user.history]]));
  const eventIds = new Set();
  const historyOf = (userId) => log.get(userId) ?? [];

  function route(method, path, params, body) {
    const [, version, noun, ...rest] = path.split("/");
    const id = decodeURIComponent(rest.join("/"));
    if (path === "/health/ready") {
      const surfaces = SURFACES.map((surface) => surface.name);
      return ok({
        status: "ready",
        bundle: BUNDLE,
        items: items.length,
        users: users.length,
        surfaces,
        ranker: "gbdt",
      });
    }
    if (version !== "v1") return problem(404, "not_found", `There is nothing at ${path}.`);
    if (noun === "users" && id) {
      const title = (event) => byId.get(event.item_id).fields.title;
      const history = historyOf(id)
        .slice(0, 20)
        .map((event) => ({ ...event, title: title(event) }));
      return ok({ user_id: id, known: users.some((user) => user.user_id === id), history });
    }
    if (noun === "users") {
      const found = users.filter((user) => user.user_id.startsWith(params.get("q") ?? ""));
      const page = found.slice(0, Number(params.get("limit") ?? 50));
      return ok({ users: page.map(({ user_id, n_events }) => ({ user_id, n_events })) });
    }
    if (noun === "items") {
      const item = byId.get(id);
      return item ? ok({ item_id: id, fields: item.fields }) : problem(404, "unknown_item", `No item ${id}.`);
    }
    if (noun === "surfaces") return ok({ surfaces: SURFACES });
    if (noun === "recommend" && method === "POST") {
      if (!(body.k >= 1 && body.k <= 500))
        return problem(422, "invalid", "k must be in 1..500.", { field: "k" });
      return ok(recommend({ ...body, history: historyOf(body.user_id) }));
    }
    if (noun === "events" && method === "POST") return ok(append(body));
    if (noun === "why") {
      const trace = why(params.get("request_id"));
      return trace ? ok(trace) : problem(404, "unknown_request", "No such request.");
    }
    return problem(404, "not_found", `There is nothing at ${path}.`);
  }

  function append({ event_id, user_id, item_id }) {
    const row = (status, reason) => ({ event_id, status, ...(reason ? { reason } : {}) });
    const answer = { accepted: 0, duplicates: 0, rejected: 0 };
    if (eventIds.has(event_id)) return { ...answer, duplicates: 1, rows: [row("duplicate")] };
    if (!byId.has(item_id))
      return { ...answer, rejected: 1, rows: [row("rejected", `unknown item ${item_id}`)] };
    eventIds.add(event_id);
    log.set(user_id, [{ item_id, occurred_at: Date.now() / 1000 }, ...historyOf(user_id)]);
    return { ...answer, accepted: 1, rows: [row("accepted")] };
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://mock");
    const answer = pathname.startsWith("/console")
      ? await file(pathname)
      : route(request.method, pathname, searchParams, await json(request));
    if (pathname.startsWith("/v1")) await new Promise((done) => setTimeout(done, delayMs));
    response.writeHead(answer.status, { "content-type": answer.type, "content-security-policy": CSP });
    response.end(answer.body);
  });
  return new Promise((done) => {
    server.listen(port, "127.0.0.1", () => {
      done({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() });
    });
  });
}

function ok(value) {
  return { status: 200, type: "application/json", body: JSON.stringify(value) };
}

function problem(status, code, detail, more = {}) {
  const title = code.replaceAll("_", " ");
  const body = { type: "about:blank", title, status, code, detail, hint: "", request_id: "mock", ...more };
  return { status, type: "application/problem+json", body: JSON.stringify(body) };
}

async function json(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

async function file(pathname) {
  const inside = normalize(pathname.replace(/^\/console\/?/, "") || "index.html");
  if (inside.startsWith("..")) return problem(404, "not_found", "Outside the console.");
  try {
    const body = await readFile(join(CONSOLE, inside));
    return { status: 200, type: TYPES[extname(inside)] ?? "application/octet-stream", body };
  } catch {
    return problem(404, "not_found", `The console has no ${inside}. Build it first: npm run build.`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.argv[2] ?? 8000));
  console.log(`mock server on ${url}/console/`);
}
