import type { Recommendation } from "../../api/types";
import { Icon } from "../../components/Icon";

/**
 * Things that are not errors and still must be said: parts that failed, a list that came short, a newer
 * bundle.
 */
export function Notes({ list, k, served }: { list: Recommendation; k: number; served: string | null }) {
  const notes: string[] = [];
  if (list.degraded.length > 0) {
    notes.push(`Degraded: answered without ${list.degraded.join(", ")}. The rest of the pipeline is intact.`);
  }
  if (list.shortfall) {
    notes.push(`${list.shortfall} of ${k} places stayed empty: no more candidates passed the filters.`);
  }
  if (served && served !== list.bundle) {
    notes.push("Another bundle has been promoted since this list was made. Refresh to see its answer.");
  }
  if (notes.length === 0) return null;
  return (
    <ul className="notes">
      {notes.map((note) => (
        <li key={note} className="banner is-warn">
          <Icon name="warn" />
          <p>{note}</p>
        </li>
      ))}
    </ul>
  );
}
