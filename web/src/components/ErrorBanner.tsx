import type { ApiError } from "../api/errors";
import { CopyText } from "./CopyText";
import { Icon } from "./Icon";

interface Props {
  error: ApiError;
  onRetry?: () => void;
  onDismiss?: () => void;
}

/** The server's own explanation, what to do about it, and the id to quote when asking for help. */
export function ErrorBanner({ error, onRetry, onDismiss }: Props) {
  const { title, detail, hint, code, field, request_id } = error.problem;
  return (
    <div className="banner is-bad" role="alert">
      <Icon name="warn" />
      <div className="banner-text">
        <p className="banner-title">
          {title}
          {error.status > 0 && <span className="tag">{error.status}</span>}
          {code && <span className="tag">{code}</span>}
        </p>
        {detail && detail !== title && <p>{detail}</p>}
        {field && (
          <p>
            Field: <code>{field}</code>
          </p>
        )}
        {hint && <p className="banner-hint">{hint}</p>}
        {request_id && (
          <p className="banner-id">
            request <CopyText text={request_id} what="request id" />
          </p>
        )}
      </div>
      <div className="banner-actions">
        {onRetry && (
          <button type="button" className="button" onClick={onRetry}>
            <Icon name="refresh" /> Retry
          </button>
        )}
        {onDismiss && (
          <button type="button" className="button is-icon is-quiet" onClick={onDismiss} aria-label="Dismiss">
            <Icon name="close" />
          </button>
        )}
      </div>
    </div>
  );
}
