/** What went wrong, in the shape of an application/problem+json body (RFC 9457) with our extra members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  hint: string;
  request_id: string;
  field?: string;
}

/** Every failed call throws this; `status` 0 means that no answer came at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(problem: Partial<Problem> & { title: string; status: number }) {
    const full: Problem = { type: "about:blank", code: "", detail: "", hint: "", request_id: "", ...problem };
    super(full.detail || full.title);
    this.name = "ApiError";
    this.status = full.status;
    this.problem = full;
  }
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiError({ title: "The console failed", status: 0, code: "console", detail });
}

/** The server's own words where it sent a problem body, else the status line and the start of the text. */
export async function problemOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  const body = parseObject(text);
  const request_id = str(body?.["request_id"]) || response.headers.get("x-request-id") || "";
  const title = str(body?.["title"]) || response.statusText || `HTTP ${response.status}`;
  const field = str(body?.["field"]);
  return new ApiError({
    type: str(body?.["type"]) || "about:blank",
    title,
    status: response.status,
    code: str(body?.["code"]),
    detail: body ? str(body["detail"]) : text.replace(/\s+/g, " ").trim().slice(0, 200),
    hint: str(body?.["hint"]) || retryHint(response),
    request_id,
    ...(field ? { field } : {}),
  });
}

function retryHint(response: Response): string {
  const after = Number(response.headers.get("retry-after"));
  return after > 0 ? `Try again in ${after} s.` : "";
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function str(value: unknown): string {
  return typeof value === "string" ? value : "";
}
