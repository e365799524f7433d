import { useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import { ago } from "../../app/format";
import { Icon } from "../../components/Icon";
import type { Click } from "./sitting";

interface Props {
  userId: string;
  sitting: readonly Click[];
}

/** What this visitor did: clicks of this sitting first, then what the event log remembers. */
export function HistoryStrip({ userId, sitting }: Props) {
  const user = useQuery({ queryKey: ["user", userId], queryFn: ({ signal }) => api.user(userId, signal) });
  const now = new Set(sitting.map((click) => click.item_id));
  const earlier = (user.data?.history ?? []).filter((one) => !now.has(one.item_id));
  if (sitting.length === 0 && earlier.length === 0) {
    return (
      <section className="history is-empty" aria-label="Recent history">
        {user.isLoading ? "Looking up the history…" : "No history yet. The first click below starts it."}
      </section>
    );
  }
  return (
    <section className="history" aria-label="Recent history">
      <h2 className="kicker">Recent history</h2>
      <ul tabIndex={0} aria-label="Newest first">
        {sitting.map((click) => (
          <li key={`now ${click.item_id}`} className="past is-now" data-testid="sitting">
            <Icon name="check" size={13} />
            <span dir="auto">{click.title}</span>
            <small>this sitting</small>
          </li>
        ))}
        {earlier.map((one, i) => (
          <li key={`${one.item_id} ${i}`} className="past">
            <span dir="auto">{one.title ?? one.item_id}</span>
            <small>{ago(one.occurred_at)}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
