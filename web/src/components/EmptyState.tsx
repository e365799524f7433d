import type { ReactNode } from "react";

import { Icon, type IconName } from "./Icon";

interface Props {
  icon: IconName;
  title: string;
  children: ReactNode;
}

/** Nothing to show yet: says why, and what to do next. */
export function EmptyState({ icon, title, children }: Props) {
  return (
    <section className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={22} />
      </span>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
