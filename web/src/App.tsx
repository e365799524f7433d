import { ErrorBoundary } from "./components/ErrorBoundary";
import { SideNav } from "./components/SideNav";
import { TopBar } from "./components/TopBar";
import { useRoute } from "./app/route";
import { panels } from "./panels";

export function App() {
  const { panel } = useRoute();
  const active = panels.find((one) => one.id === panel) ?? panels[0];
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={focusMain}>
        Skip to content
      </a>
      <SideNav panels={panels} active={active.id} />
      <div className="shell-body">
        <TopBar />
        <main id="main" tabIndex={-1}>
          <ErrorBoundary key={active.id}>
            <active.Panel />
          </ErrorBoundary>
        </main>
      </div>
    </div>
  );
}

/** The hash belongs to the route, so the skip link moves the focus itself. */
function focusMain(event: React.MouseEvent) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
