import type { PanelEntry } from "../panels";
import { Icon } from "./Icon";

export function SideNav({ panels, active }: { panels: readonly PanelEntry[]; active: string }) {
  return (
    <aside className="side">
      <a className="brand" href="#/" aria-label="Shortlist console, home">
        <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="9" />
          <path d="M8 10h16M8 16h11M8 22h6" />
        </svg>
        <span>Shortlist</span>
      </a>
      <nav aria-label="Panels">
        <ul>
          {panels.map((panel) => (
            <li key={panel.id}>
              <a href={`#/${panel.id}`} aria-current={panel.id === active ? "page" : undefined}>
                <Icon name={panel.icon} />
                {panel.label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </aside>
  );
}
