import { useRef, useState, type KeyboardEvent } from "react";

import { plural } from "../../app/format";
import { Icon } from "../../components/Icon";
import { newVisitorId } from "./ids";
import { useUserSearch } from "./useUserSearch";

interface Props {
  id: string;
  value: string;
  onPick: (userId: string) => void;
}

interface Option {
  key: string;
  label: string;
  note: string;
  fresh: boolean;
  userId: () => string;
}

/** Search among known users, or step in as somebody new. Arrow keys, Enter and Escape do what they should. */
export function UserPicker({ id, value, onPick }: Props) {
  const [text, setText] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const open = text !== null;
  const search = useUserSearch(text ?? "", open);
  const options = open ? optionsFor(text, search.users, search.settled) : [];
  const current = Math.min(active, options.length - 1);

  const close = () => setText(null);
  const pick = (option: Option | undefined) => {
    if (!option) return;
    close();
    onPick(option.userId());
  };
  const edit = (next: string) => {
    setText(next);
    setActive(0);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (!open) return edit("");
      const wrap = (current + step + options.length) % options.length;
      const stop = Math.min(options.length - 1, Math.max(0, current + step));
      setActive(Math.abs(step) === 1 ? wrap : stop);
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      pick(options[current]);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      close();
    }
  };

  return (
    <div className="combo">
      <Icon name="search" />
      <input
        ref={input}
        id={id}
        role="combobox"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open ? `${id}-${current}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={value || "Search known users, or type any id"}
        value={text ?? value}
        onFocus={(event) => event.target.select()}
        onClick={() => !open && edit("")}
        onChange={(event) => edit(event.target.value)}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      {open && (
        // Keeping the focus in the input: a press on an option must not blur it first.
        <div className="combo-pop" onMouseDown={(event) => event.preventDefault()}>
          <ul id={`${id}-list`} role="listbox" aria-label="Users" aria-busy={!search.settled}>
            {options.map((option, i) => (
              <li
                key={option.key}
                id={`${id}-${i}`}
                ref={i === current ? reveal : undefined}
                role="option"
                aria-selected={i === current}
                className={option.fresh ? "is-fresh" : undefined}
                onMouseMove={() => i !== current && setActive(i)}
                onClick={() => pick(option)}
              >
                <Icon name={option.fresh ? "spark" : "user"} />
                <span className="combo-label">{option.label}</span>
                <span className="combo-note">{option.note}</span>
              </li>
            ))}
          </ul>
          {search.note && <p className="combo-foot">{search.note}</p>}
        </div>
      )}
    </div>
  );
}

function optionsFor(
  text: string,
  users: { user_id: string; n_events: number }[],
  settled: boolean,
): Option[] {
  const typed = text.trim();
  const known = users.map((user) => ({
    key: `known ${user.user_id}`,
    label: user.user_id,
    note: plural(user.n_events, "event"),
    fresh: false,
    userId: () => user.user_id,
  }));
  const exact = users.some((user) => user.user_id === typed);
  const asTyped = {
    key: "typed",
    label: `Use “${typed}”`,
    note: "this exact id",
    fresh: true,
    userId: () => typed,
  };
  const visitor = {
    key: "new",
    label: "New visitor",
    note: "nobody knows them yet",
    fresh: true,
    userId: newVisitorId,
  };
  return [...known, ...(typed && settled && !exact ? [asTyped] : []), visitor];
}

function reveal(node: HTMLElement | null) {
  node?.scrollIntoView?.({ block: "nearest" });
}
