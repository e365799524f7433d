import { useEffect, useRef, type ReactNode } from "react";

import { Icon } from "./Icon";

interface Props {
  title: string;
  kicker: string;
  onClose: () => void;
  children: ReactNode;
}

/**
 * A sheet from the side. The native dialog keeps the focus inside, closes on Escape and gives the focus
 * back.
 */
export function Drawer({ title, kicker, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);

  return (
    <dialog
      ref={ref}
      className="drawer"
      aria-labelledby="drawer-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // The browser may close it without asking first. An effect that ran twice also sends a late close
      // event.
      onClose={() => !ref.current?.open && onClose()}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div className="drawer-sheet">
        <header className="drawer-head">
          <div>
            <p className="kicker">{kicker}</p>
            <h2 id="drawer-title" dir="auto">
              {title}
            </h2>
          </div>
          <button type="button" className="button is-icon is-quiet" onClick={onClose} aria-label="Close">
            <Icon name="close" />
          </button>
        </header>
        <div className="drawer-body">{children}</div>
      </div>
    </dialog>
  );
}
