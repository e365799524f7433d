import { useRef } from "react";

import type { Item, Recommendation } from "../../api/types";
import type { ListDiff } from "./diff";
import { barWidth } from "./display";
import { ItemCard } from "./ItemCard";
import { useFlip } from "./useFlip";
import { useKeptFocus } from "./useKeptFocus";

interface Props {
  list: Recommendation;
  diff: ListDiff<Item> | null;
  busy: boolean;
  label: string;
  isSent: (item: Item) => boolean;
  isClicked: (item: Item) => boolean;
  onClick: (item: Item) => void;
  onExplain: (item: Item) => void;
}

export function CardGrid({ list, diff, busy, label, isSent, isClicked, onClick, onExplain }: Props) {
  const grid = useRef<HTMLOListElement>(null);
  const scores = list.items.map((item) => item.score);
  useFlip(grid, list.request_id);
  const keepPlace = useKeptFocus(grid, list.request_id);
  return (
    <ol ref={grid} className="cards" aria-label={label} aria-busy={busy}>
      {list.items.map((item, place) => (
        <ItemCard
          key={item.item_id}
          item={item}
          mark={diff?.marks.get(item.item_id) ?? null}
          bar={barWidth(item.score, scores)}
          sent={isSent(item)}
          clicked={isClicked(item)}
          onClick={() => {
            keepPlace(place);
            onClick(item);
          }}
          onExplain={() => onExplain(item)}
        />
      ))}
    </ol>
  );
}

/** Grey cards of the right size while the first list is on its way. */
export function SkeletonGrid({ n }: { n: number }) {
  return (
    <div className="cards is-skeleton" role="status" aria-label="Loading the shortlist">
      <span className="bone is-head" aria-hidden="true" />
      {Array.from({ length: Math.min(n, 24) }, (_, i) => (
        <div key={i} className="card" aria-hidden="true">
          <div className="card-cover" />
          <div className="card-body">
            <span className="bone is-title" />
            <span className="bone" />
            <span className="bone is-short" />
            <span className="bone is-foot" />
          </div>
        </div>
      ))}
    </div>
  );
}
