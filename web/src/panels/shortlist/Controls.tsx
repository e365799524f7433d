import { useId } from "react";

import type { Surface } from "../../api/types";
import { Icon } from "../../components/Icon";
import { Stepper } from "../../components/Stepper";
import { newVisitorId } from "./ids";
import { K_MAX } from "./limits";
import { UserPicker } from "./UserPicker";

interface Choice {
  user: string;
  surface: string;
  k: number;
}

interface Props {
  choice: Choice;
  surfaces: Surface[];
  onChoose: (change: Partial<Choice>) => void;
}

export function Controls({ choice, surfaces, onChoose }: Props) {
  const id = useId();
  return (
    <section className="controls" aria-label="What to show">
      <div className="field is-wide">
        <label htmlFor={`${id}-user`}>User</label>
        <UserPicker id={`${id}-user`} value={choice.user} onPick={(user) => onChoose({ user })} />
      </div>
      <div className="field">
        <label htmlFor={`${id}-surface`}>Surface</label>
        <div className="select">
          <select
            id={`${id}-surface`}
            value={choice.surface}
            disabled={surfaces.length === 0}
            onChange={(event) => onChoose({ surface: event.target.value })}
          >
            {surfaces.length === 0 && <option value="">–</option>}
            {surfaces.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </div>
      </div>
      <div className="field">
        <label htmlFor={`${id}-k`}>Items</label>
        <Stepper
          id={`${id}-k`}
          value={choice.k}
          min={1}
          max={K_MAX}
          unit="item"
          onChange={(k) => onChoose({ k })}
        />
      </div>
      <button type="button" className="button visitor" onClick={() => onChoose({ user: newVisitorId() })}>
        <Icon name="spark" />
        <span>New visitor</span>
      </button>
    </section>
  );
}
