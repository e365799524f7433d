import { useEffect, useState } from "react";

import { Icon } from "./Icon";

interface Props {
  id: string;
  value: number;
  min: number;
  max: number;
  /** What one more or one less is called: "one more item". */
  unit: string;
  onChange: (value: number) => void;
}

/**
 * A whole number with two buttons. Typing takes effect on Enter or on leaving the field, not on every
 * digit.
 */
export function Stepper({ id, value, min, max, unit, onChange }: Props) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);

  const commit = (wanted: number) => {
    const next = Number.isFinite(wanted) ? Math.min(max, Math.max(min, Math.round(wanted))) : value;
    setText(String(next));
    if (next !== value) onChange(next);
  };
  return (
    <div className="stepper">
      <button
        type="button"
        onClick={() => commit(value - 1)}
        disabled={value <= min}
        aria-label={`One ${unit} less`}
      >
        <Icon name="minus" size={14} />
      </button>
      <input
        id={id}
        type="number"
        inputMode="numeric"
        min={min}
        max={max}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => commit(text === "" ? NaN : Number(text))}
        onKeyDown={(event) => event.key === "Enter" && commit(text === "" ? NaN : Number(text))}
      />
      <button
        type="button"
        onClick={() => commit(value + 1)}
        disabled={value >= max}
        aria-label={`One ${unit} more`}
      >
        <Icon name="plus" size={14} />
      </button>
    </div>
  );
}
