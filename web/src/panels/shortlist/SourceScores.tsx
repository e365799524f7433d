import type { ItemTrace } from "../../api/types";
import { hueOf, score } from "../../app/format";
import { barWidth } from "./display";

/**
 * Every source has its own scale, so a bar compares with the same source's scores of the rest of the list.
 */
export function SourceScores({ item, items }: { item: ItemTrace; items: ItemTrace[] }) {
  const rows = Object.entries(item.sources);
  if (rows.length === 0) return <p className="muted">The trace names no source for this item.</p>;
  return (
    <>
      <ul className="source-scores">
        {rows.map(([name, value]) => {
          const all = items.map((one) => one.sources[name] ?? null);
          return (
            <li key={name} style={{ "--hue": hueOf(name), "--width": `${barWidth(value, all)}%` }}>
              <span className="source-name">{name}</span>
              <span className="source-bar" aria-hidden="true" />
              <span className="number">{score(value)}</span>
            </li>
          );
        })}
      </ul>
      <p className="muted">Scales differ by source. A full bar is that source’s best item in this list.</p>
    </>
  );
}
