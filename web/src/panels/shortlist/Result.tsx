import { useState } from "react";

import { asApiError } from "../../api/errors";
import type { Item, RecommendRequest } from "../../api/types";
import { EmptyState } from "../../components/EmptyState";
import { ErrorBanner } from "../../components/ErrorBanner";
import { CardGrid, SkeletonGrid } from "./CardGrid";
import { titleOf } from "./display";
import { ExplainDrawer } from "./ExplainDrawer";
import { HistoryStrip } from "./HistoryStrip";
import { Notes } from "./Notes";
import { ResultHead } from "./ResultHead";
import { useSitting } from "./sitting";
import { useClicks } from "./useClicks";
import { useShortlist } from "./useShortlist";

interface Props extends RecommendRequest {
  /** The bundle that serves now, to notice a promotion since the list was made. */
  served: string | null;
}

export function Result({ user_id, surface, k, served }: Props) {
  const { query, list, diff } = useShortlist({ user_id, surface, k });
  const clicks = useClicks(user_id, surface);
  const sitting = useSitting(user_id);
  const [explained, setExplained] = useState<Item | "list" | null>(null);
  const refresh = () => void query.refetch();

  return (
    <>
      <HistoryStrip userId={user_id} sitting={sitting} />
      {query.isError && <ErrorBanner error={asApiError(query.error)} onRetry={refresh} />}
      {clicks.failure && (
        <ErrorBanner error={clicks.failure} onRetry={clicks.retry} onDismiss={clicks.dismiss} />
      )}
      {!list && query.isFetching && <SkeletonGrid n={k} />}
      {list && (
        <>
          <ResultHead
            list={list}
            diff={diff}
            userId={user_id}
            surface={surface}
            busy={query.isFetching}
            onRefresh={refresh}
            onExplain={() => setExplained("list")}
          />
          <Notes list={list} k={k} served={served} />
          {list.items.length === 0 ? (
            <EmptyState icon="list" title="An empty list">
              <p>
                Every candidate was dropped on the way. “How this list was made” shows which stage dropped
                them.
              </p>
            </EmptyState>
          ) : (
            <CardGrid
              list={list}
              diff={diff}
              busy={query.isFetching}
              label={`Shortlist for ${user_id}`}
              isSent={(item) => clicks.isSent(list.request_id, item.item_id)}
              isClicked={(item) => sitting.some((click) => click.item_id === item.item_id)}
              onClick={(item) => clicks.click(list.request_id, item.item_id, titleOf(item))}
              onExplain={setExplained}
            />
          )}
          {explained && (
            <ExplainDrawer
              list={list}
              item={explained === "list" ? null : explained}
              onClose={() => setExplained(null)}
            />
          )}
        </>
      )}
    </>
  );
}
