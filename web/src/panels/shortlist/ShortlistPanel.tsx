import { useEffect } from "react";

import { asApiError } from "../../api/errors";
import { useReady, useSurfaces } from "../../app/queries";
import { navigate, useRoute } from "../../app/route";
import { EmptyState } from "../../components/EmptyState";
import { ErrorBanner } from "../../components/ErrorBanner";
import { Controls } from "./Controls";
import { clampK, K_DEFAULT } from "./limits";
import { Result } from "./Result";
import { Welcome } from "./Welcome";
import { useWakeUp } from "./useWakeUp";

/**
 * Pick somebody, see what they would see now, click, and watch the list answer. The address bar holds the
 * choice.
 */
export function ShortlistPanel() {
  const { params } = useRoute();
  const ready = useReady();
  const surfaces = useSurfaces();
  useWakeUp(ready.isSuccess);

  const names = surfaces.data?.map((one) => one.name) ?? [];
  const wanted = params.get("surface") ?? "";
  const choice = {
    user: params.get("user") ?? "",
    surface: names.includes(wanted) ? wanted : names.includes("home") ? "home" : (names[0] ?? ""),
    k: clampK(params.get("k")),
  };
  const choose = (change: Partial<typeof choice>) => {
    const next = { ...choice, ...change };
    const sameUser = next.user === choice.user;
    navigate("shortlist", { ...next, k: next.k === K_DEFAULT ? "" : String(next.k) }, sameUser);
  };

  useEffect(() => {
    document.title = choice.user ? `${choice.user} · Shortlist console` : "Shortlist console";
  }, [choice.user]);

  return (
    <div className="panel">
      <header className="panel-head">
        <h1>Shortlist</h1>
        <p>What somebody would see right now, and why.</p>
      </header>
      <Controls choice={choice} surfaces={surfaces.data ?? []} onChoose={choose} />
      {surfaces.isError && (
        <ErrorBanner error={asApiError(surfaces.error)} onRetry={() => void surfaces.refetch()} />
      )}
      {surfaces.isSuccess && names.length === 0 && (
        <EmptyState icon="branch" title="This bundle serves no surface">
          <p>
            Publish one with a pipeline, for example by <code>shortlist demo</code>.
          </p>
        </EmptyState>
      )}
      {choice.user === "" && names.length > 0 && <Welcome onPick={(user) => choose({ user })} />}
      {choice.user !== "" && choice.surface !== "" && (
        <Result
          key={`${choice.user}\n${choice.surface}`}
          user_id={choice.user}
          surface={choice.surface}
          k={choice.k}
          served={ready.data?.bundle ?? null}
        />
      )}
    </div>
  );
}
