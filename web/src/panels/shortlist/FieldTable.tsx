import type { Fields } from "../../api/types";
import { showValue } from "./display";

export function FieldTable({ fields }: { fields: Fields }) {
  return (
    <dl className="field-table">
      {Object.entries(fields).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{showValue(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
