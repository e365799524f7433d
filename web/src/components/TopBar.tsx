import { useReady, useSurfaces } from "../app/queries";
import { asApiError } from "../api/errors";
import { plural } from "../app/format";
import { CopyText } from "./CopyText";
import { ThemeToggle } from "./ThemeToggle";

/** What is serving right now: readiness, bundle, models, size of the world. */
export function TopBar() {
  const ready = useReady();
  const surfaces = useSurfaces();
  const health = ready.isSuccess ? ready.data : undefined;
  const failure = ready.isError ? asApiError(ready.error).problem : undefined;
  const state = health ? "ready" : failure ? "down" : "waiting";
  return (
    <header className="top">
      <p className={`health is-${state}`} role="status" title={failure?.detail || failure?.hint}>
        <span className="dot" aria-hidden="true" />
        {health ? "Ready" : failure ? notReady(failure.status) : "Connecting"}
      </p>
      {health && (
        <dl className="facts">
          <div>
            <dt>Bundle</dt>
            <dd>
              <CopyText text={health.bundle} what="bundle id" />
            </dd>
          </div>
          <div className="fact-models">
            <dt>Models</dt>
            <dd>{modelNames(surfaces.data, health.ranker).join(", ") || "none"}</dd>
          </div>
          <div>
            <dt>Catalogue</dt>
            <dd>{plural(health.items, "item")}</dd>
          </div>
          <div className="fact-users">
            <dt>Audience</dt>
            <dd>{plural(health.users, "user")}</dd>
          </div>
        </dl>
      )}
      {failure && <p className="top-note">{failure.hint || failure.detail || failure.title}</p>}
      <ThemeToggle />
    </header>
  );
}

function notReady(status: number): string {
  return status === 0 ? "Offline" : "Not ready";
}

/** Sources of all surfaces, then the ranker, each once. */
export function modelNames(
  surfaces: { stages: { kind: string; name: string }[] }[] | undefined,
  ranker: string | null,
): string[] {
  const sources = (surfaces ?? []).flatMap((surface) =>
    surface.stages.filter((stage) => stage.kind === "source").map((stage) => stage.name),
  );
  return [...new Set(ranker ? [...sources, ranker] : sources)];
}
