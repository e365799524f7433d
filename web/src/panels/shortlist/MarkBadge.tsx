import { Icon } from "../../components/Icon";
import type { Mark } from "./diff";

/** How this card got here since the last list. */
export function MarkBadge({ mark }: { mark: Mark | null }) {
  if (!mark || mark.kind === "kept") return null;
  if (mark.kind === "new") return <span className="mark is-new">New</span>;
  const places = mark.by === 1 ? "place" : "places";
  return (
    <span className={`mark is-${mark.kind}`}>
      <Icon name={mark.kind} size={12} />
      <span aria-hidden="true">{mark.by}</span>
      <span className="sr">
        {mark.kind} {mark.by} {places}
      </span>
    </span>
  );
}
