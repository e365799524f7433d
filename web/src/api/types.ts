/** Shapes of the HTTP contract, as the server sends them. Times are UTC seconds or ISO strings. */

export interface Ready {
  status: "ready";
  bundle: string;
  items: number;
  users: number;
  surfaces: string[];
  ranker: string | null;
}

export interface User {
  user_id: string;
  n_events: number;
}

export interface HistoryItem {
  item_id: string;
  title: string | null;
  occurred_at: number | string | null;
}

export interface UserDetail {
  user_id: string;
  known: boolean;
  /** The last 20 events, newest first. */
  history: HistoryItem[];
}

export interface Surface {
  name: string;
  pipeline: string;
  hash: string;
  k: number;
  stages: { kind: string; name: string }[];
}

export interface Reason {
  text: string;
  source: string;
  item_id?: string;
}

export type FieldValue = string | number | boolean | null | FieldValue[];
export type Fields = Record<string, FieldValue>;

export interface Item {
  item_id: string;
  score: number | null;
  position: number;
  reasons?: Reason[] | null;
  fields?: Fields | null;
}

export interface Recommendation {
  request_id: string;
  bundle: string;
  experiment: string | null;
  served_by: string;
  degraded: string[];
  cold_start: boolean;
  items: Item[];
  shortfall: number | null;
  next_cursor: string | null;
}

export interface RecommendRequest {
  user_id: string;
  surface: string;
  k: number;
}

export interface InteractionEvent {
  event: "interaction";
  event_id: string;
  user_id: string;
  item_id: string;
  type: "click";
  request_id: string;
}

export interface EventReceipt {
  accepted: number;
  duplicates: number;
  rejected: number;
  rows: { event_id: string; status: string; reason?: string | null }[];
}

export interface StageTrace {
  stage: string;
  kind: string;
  rows_in: number;
  rows_out: number;
  dropped: number;
  ms: number;
  /** False, or why: a reason may come as text. */
  failed: boolean | string | null;
  skipped: boolean | string | null;
}

export interface ItemTrace {
  item_id: string;
  position: number;
  score: number | null;
  sources: Record<string, number | null>;
  columns: Record<string, FieldValue>;
}

export interface Why {
  request_id: string;
  user_id: string;
  bundle: string;
  surface: string;
  spec_hash: string;
  stages: StageTrace[];
  items: ItemTrace[];
}

export interface ItemDetail {
  item_id: string;
  fields: Fields;
}
