import { useState } from "react";

import { Icon } from "./Icon";

/** An identifier that is too long to read and exactly right to paste. */
export function CopyText({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      // No clipboard on plain http: the text can still be selected by hand.
    }
  };
  return (
    <button type="button" className="copy" onClick={copy} title={text} aria-label={`Copy ${what} ${text}`}>
      <code>{text}</code>
      <Icon name={copied ? "check" : "copy"} size={13} />
    </button>
  );
}
