import type { Item, Recommendation } from "../../api/types";
import { plural } from "../../app/format";
import { Icon } from "../../components/Icon";
import { describe, type ListDiff } from "./diff";
import { titleOf } from "./display";

interface Props {
  list: Recommendation;
  diff: ListDiff<Item> | null;
  userId: string;
  surface: string;
  busy: boolean;
  onRefresh: () => void;
  onExplain: () => void;
}

const FIRST_HINT = "Click a card: it counts as this user’s click, and the list answers.";

export function ResultHead({ list, diff, userId, surface, busy, onRefresh, onExplain }: Props) {
  const gone = diff?.left.map(titleOf) ?? [];
  return (
    <header className="result-head">
      <div className="result-title">
        <h2>
          <span>{plural(list.items.length, "item")} for</span> <strong dir="auto">{userId}</strong>
          <span> on {surface}</span>
        </h2>
        {list.cold_start && (
          <span
            className="badge is-cold"
            data-testid="cold-badge"
            title="No history to go by: the fallback answers."
          >
            <Icon name="snow" size={13} /> Cold start
          </span>
        )}
        {list.experiment && <span className="badge">{list.experiment}</span>}
        <span className="served">
          served by <code>{list.served_by}</code>
        </span>
      </div>
      <div className="result-actions">
        <button type="button" className="button is-quiet" onClick={onExplain}>
          <Icon name="branch" /> How this list was made
        </button>
        <button type="button" className="button" onClick={onRefresh} disabled={busy}>
          <Icon name="refresh" /> Refresh
        </button>
      </div>
      <p className="changes" role="status" aria-live="polite">
        {busy ? "Refreshing…" : diff ? `Since the last list: ${describe(diff)}.` : FIRST_HINT}
        {!busy && gone.length > 0 && <span className="gone"> Gone: {gone.join(" · ")}</span>}
      </p>
    </header>
  );
}
