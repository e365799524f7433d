import type { StageTrace } from "../../api/types";
import { count, millis } from "../../app/format";

/** The pipeline as it ran: rows in and out and the time of each stage, the widest bar being the slowest. */
export function StageList({ stages }: { stages: StageTrace[] }) {
  const slowest = Math.max(...stages.map((stage) => stage.ms), 0.001);
  const total = stages.reduce((sum, stage) => sum + stage.ms, 0);
  return (
    <div className="stages-box">
      <table className="stages">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">In</th>
            <th scope="col">Dropped</th>
            <th scope="col">Out</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage, i) => (
            <tr key={`${stage.stage} ${i}`} className={rowClass(stage)}>
              <th scope="row">
                <span className="stage-name">{stage.stage}</span>{" "}
                <small>
                  {stage.kind}
                  {note("failed", stage.failed)}
                  {note("skipped", stage.skipped)}
                </small>
              </th>
              <td>{stage.kind === "source" ? "" : count(stage.rows_in)}</td>
              <td className="dropped">{stage.dropped > 0 ? `−${count(stage.dropped)}` : ""}</td>
              <td>{count(stage.rows_out)}</td>
              <td>
                {stage.ms > 0 && (
                  <span
                    className="ms-bar"
                    style={{ "--width": `${(100 * stage.ms) / slowest}%` }}
                    aria-hidden="true"
                  />
                )}
                {stage.ms > 0 ? millis(stage.ms) : "–"}
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={4}>
              All stages
            </th>
            <td>{millis(total)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function rowClass(stage: StageTrace): string | undefined {
  return stage.failed ? "is-failed" : stage.skipped ? "is-skipped" : undefined;
}

function note(word: string, value: boolean | string | null): string {
  if (!value) return "";
  return typeof value === "string" ? `, ${word}: ${value}` : `, ${word}`;
}
