import { Component, type ReactNode } from "react";

import { asApiError } from "../api/errors";
import { ErrorBanner } from "./ErrorBanner";

/** A fault in one panel must not blank the page: the navigation stays and the panel can be tried again. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <ErrorBanner error={asApiError(this.state.error)} onRetry={() => this.setState({ error: null })} />
    );
  }
}
