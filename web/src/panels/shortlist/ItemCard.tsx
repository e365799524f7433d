import type { Item } from "../../api/types";
import { hueOf, score } from "../../app/format";
import { Icon } from "../../components/Icon";
import { SourceChip } from "../../components/SourceChip";
import type { Mark } from "./diff";
import { labelsOf, sourcesOf, summaryOf, titleOf } from "./display";
import { MarkBadge } from "./MarkBadge";

interface Props {
  item: Item;
  mark: Mark | null;
  /** Width of the score bar in percent. */
  bar: number;
  /** A click on this very card is on its way or stored. */
  sent: boolean;
  /** Clicked earlier in this sitting and still (or again) in the list. */
  clicked: boolean;
  onClick: () => void;
  onExplain: () => void;
}

/** The title is the button and its hit area covers the card; "Why" lies above it. */
export function ItemCard({ item, mark, bar, sent, clicked, onClick, onExplain }: Props) {
  const title = titleOf(item);
  const [first, ...labels] = labelsOf(item.fields);
  const summary = summaryOf(item.fields);
  const reasons = item.reasons ?? [];
  const state = sent ? "is-sent" : clicked ? "is-clicked" : "";
  return (
    <li
      className={`card ${state} ${mark ? `is-${mark.kind}` : ""}`}
      data-flip={item.item_id}
      data-testid="card"
      data-item={item.item_id}
      style={{ "--hue": hueOf(first ?? item.item_id) }}
    >
      <div className="card-cover">
        <span className="card-place" aria-label={`Position ${item.position}`}>
          {item.position}
        </span>
        <span className="card-category">{first}</span>
        <MarkBadge mark={mark} />
      </div>
      <div className="card-body">
        <h3>
          <button
            type="button"
            className="card-hit"
            dir="auto"
            onClick={onClick}
            aria-disabled={sent}
            title={title}
          >
            {title}
          </button>
        </h3>
        {summary && (
          <p className="card-summary" dir="auto">
            {summary}
          </p>
        )}
        {labels.length > 0 && (
          <p className="chips">
            {labels.slice(0, 4).map((label) => (
              <span key={label} className="chip">
                {label}
              </span>
            ))}
          </p>
        )}
        {reasons.length > 0 && (
          <ul className="reasons" aria-label="Reasons">
            {reasons.slice(0, 2).map((reason) => (
              <li key={`${reason.source} ${reason.text}`} dir="auto">
                {reason.text}
              </li>
            ))}
          </ul>
        )}
        <div className="card-foot">
          <span className="score-bar" style={{ "--width": `${bar}%` }} aria-hidden="true" />
          <div className="card-sources">
            {sourcesOf(item).map((source) => (
              <SourceChip key={source} name={source} />
            ))}
          </div>
          <span className="score" title="Score; the bar compares it with the rest of the list">
            <span className="sr">Score </span>
            {score(item.score)}
          </span>
          <button type="button" className="why" onClick={onExplain} aria-label={`Why ${title}?`}>
            Why?
          </button>
        </div>
      </div>
      {(sent || clicked) && (
        <p className="card-sent">
          <Icon name="check" size={13} /> {sent ? "Click sent" : "Clicked"}
        </p>
      )}
    </li>
  );
}
