/**
 * A toy that adapts: taste by category from the history, popularity for strangers. Keeps a trace per
 * request.
 */
import { randomUUID } from "node:crypto";

import { byId, items } from "./mock-data.mjs";

export const BUNDLE = "2026-11-22T09-30-newsroom-7c1d";
export const SPEC_HASH = "b41f7a09c2e3";
export const SURFACES = [
  {
    name: "home",
    pipeline: "home",
    hash: SPEC_HASH,
    k: 10,
    stages: [
      { kind: "source", name: "trails" },
      { kind: "source", name: "content" },
      { kind: "source", name: "popularity" },
      { kind: "merger", name: "rrf" },
      { kind: "filter", name: "seen" },
      { kind: "scorer", name: "gbdt" },
      { kind: "reranker", name: "mmr" },
    ],
  },
  {
    name: "latest",
    pipeline: "latest",
    hash: "90aa12bd77fe",
    k: 10,
    stages: [{ kind: "source", name: "trending" }],
  },
];
const traces = new Map();

/** @param history newest first: [{item_id}] */
export function recommend({ user_id, surface, k, history }) {
  const request_id = randomUUID();
  const seen = new Set(history.map((event) => event.item_id));
  const last = new Map();
  history.forEach((event, age) => {
    const category = byId.get(event.item_id).fields.category;
    if (!last.has(category)) last.set(category, { event, weight: 0 });
    last.get(category).weight += 0.75 ** age;
  });
  const scored = items
    .filter((item) => !seen.has(item.item_id))
    .map((item) => score(item, last.get(item.fields.category), surface))
    .sort((a, b) => b.score - a.score || a.item_id.localeCompare(b.item_id))
    .slice(0, k)
    .map((item, i) => ({ ...item, position: i + 1 }));
  const shortfall = scored.length < k ? k - scored.length : null;
  traces.set(request_id, trace({ request_id, user_id, surface, scored, seen: seen.size }));
  return {
    request_id,
    bundle: BUNDLE,
    experiment: null,
    served_by: history.length ? "home/gbdt" : "home/popularity",
    degraded: surface === "latest" ? ["trending"] : [],
    cold_start: history.length === 0,
    items: scored.map(({ item_id, score, position, reasons, fields }) => {
      return { item_id, score, position, reasons, fields };
    }),
    shortfall,
    next_cursor: null,
  };
}

export function why(requestId) {
  return traces.get(requestId);
}

function score(item, taste, surface) {
  const content = taste ? Math.min(1, taste.weight / 2) * 0.8 : 0;
  const popularity = item.popularity * (surface === "latest" ? 1 : 0.6);
  const sources = {
    popularity,
    ...(content > 0 ? { content, trails: content * 9.3 + item.popularity } : {}),
  };
  const reasons = [];
  if (taste) {
    const { title } = byId.get(taste.event.item_id).fields;
    reasons.push({ text: `Because you read “${title}”`, source: "trails", item_id: taste.event.item_id });
  }
  if (!taste || item.popularity > 0.4) reasons.push({ text: "Much read right now", source: "popularity" });
  return { ...item, sources, reasons, score: content + popularity };
}

function trace({ request_id, user_id, surface, scored, seen }) {
  const n = items.length;
  const late = surface === "latest";
  const stage = (name, kind, rows_in, rows_out, ms, more = {}) => ({
    stage: name,
    kind,
    rows_in,
    rows_out,
    dropped: Math.max(0, rows_in - rows_out),
    ms,
    failed: false,
    skipped: false,
    ...more,
  });
  return {
    request_id,
    user_id,
    bundle: BUNDLE,
    surface,
    spec_hash: SPEC_HASH,
    stages: [
      stage("trails", "source", 0, 24, 0.61),
      stage("content", "source", 0, 24, 0.92),
      stage("popularity", "source", 0, n, 0.05),
      stage(
        "trending",
        "source",
        0,
        0,
        late ? 8.02 : 0,
        late ? { failed: "deadline of 8 ms" } : { skipped: true },
      ),
      stage("rrf", "merger", n + 48, n, 0.11),
      stage("seen", "filter", n, n - seen, 0.04),
      stage("history", "hydrator", n - seen, n - seen, 0.21),
      stage("gbdt", "scorer", n - seen, n - seen, 1.84),
      stage("mmr", "reranker", n - seen, scored.length, 0.33),
    ],
    items: scored.map(({ item_id, position, score, sources, fields }) => ({
      item_id,
      position,
      score,
      sources,
      columns: {
        log_popularity: Math.log(sources.popularity + 1),
        same_category_clicks: sources.content ? 2 : 0,
        hours_old: 7.25,
        category: fields.category,
      },
    })),
  };
}
