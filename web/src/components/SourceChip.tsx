import { hueOf } from "../app/format";

/** Where a candidate came from. The same source has the same colour everywhere. */
export function SourceChip({ name }: { name: string }) {
  return (
    <span className="chip source" style={{ "--hue": hueOf(name) }}>
      {name}
    </span>
  );
}
