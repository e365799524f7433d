import { useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import { asApiError } from "../../api/errors";
import type { Item, Recommendation } from "../../api/types";
import { score } from "../../app/format";
import { CopyText } from "../../components/CopyText";
import { Drawer } from "../../components/Drawer";
import { ErrorBanner } from "../../components/ErrorBanner";
import { titleOf } from "./display";
import { FieldTable } from "./FieldTable";
import { ItemFields } from "./ItemFields";
import { SourceScores } from "./SourceScores";
import { StageList } from "./StageList";

interface Props {
  list: Recommendation;
  /** Null explains the list as a whole. */
  item: Item | null;
  onClose: () => void;
}

/** The record of one decision: where the item came from, what every stage did, what the ranker saw. */
export function ExplainDrawer({ list, item, onClose }: Props) {
  const why = useQuery({
    queryKey: ["why", list.request_id],
    queryFn: ({ signal }) => api.why(list.request_id, signal),
    staleTime: Infinity,
  });
  const trace = item && why.data?.items.find((one) => one.item_id === item.item_id);
  return (
    <Drawer
      title={item ? titleOf(item) : "How this list was made"}
      kicker={item ? `Position ${item.position}, score ${score(item.score)}` : `${list.items.length} items`}
      onClose={onClose}
    >
      {why.isError && <ErrorBanner error={asApiError(why.error)} onRetry={() => void why.refetch()} />}
      {item && (item.reasons?.length ?? 0) > 0 && (
        <section>
          <h3>Reasons</h3>
          <ul className="reasons">
            {item.reasons?.map((reason) => (
              <li key={`${reason.source} ${reason.text}`} dir="auto">
                {reason.text}
              </li>
            ))}
          </ul>
        </section>
      )}
      {why.isLoading && (
        <div role="status" aria-label="Loading the explanation" className="bones">
          <span className="bone is-title" />
          <span className="bone" />
          <span className="bone" />
          <span className="bone is-short" />
        </div>
      )}
      {trace && why.data && (
        <section>
          <h3>Who proposed it</h3>
          <SourceScores item={trace} items={why.data.items} />
        </section>
      )}
      {why.data && (
        <section>
          <h3>The way of the candidates</h3>
          <StageList stages={why.data.stages} />
        </section>
      )}
      {trace && Object.keys(trace.columns).length > 0 && (
        <section>
          <h3>What the stages saw</h3>
          <FieldTable fields={trace.columns} />
        </section>
      )}
      {item && <ItemFields itemId={item.item_id} />}
      <footer className="drawer-ids">
        <div>
          request <CopyText text={list.request_id} what="request id" />
        </div>
        <div>
          bundle <CopyText text={list.bundle} what="bundle id" />
        </div>
        {why.data && (
          <div>
            spec <CopyText text={why.data.spec_hash} what="pipeline hash" />
          </div>
        )}
      </footer>
    </Drawer>
  );
}
