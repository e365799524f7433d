"""The JSON that goes out, as models: for `/openapi.json` and for tests. Hot paths write plain dicts of these shapes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Base of everything that goes out."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Problem(BaseModel):
    """An error (RFC 9457). More members may follow."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """Link to what the code means."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    code: str
    """Stable name of the error."""
    detail: str
    """What is wrong, without repeating the value."""
    hint: str
    """What to do."""
    request_id: str
    """Id of this exchange, as in the server's log."""
    field: str | None = None
    """The field at fault."""


class ReasonOut(Shape):
    """Why an item is in a list."""

    text: str
    """For people."""
    source: str
    """The source that brought it."""
    item_id: str | None = None
    """The past item it leans on."""


class ItemOut(Shape):
    """One item of a list."""

    item_id: str
    score: float | None
    position: int
    """Counts from 1."""
    reasons: list[ReasonOut] | None = None
    """With `explain`."""
    fields: dict[str, Any] | None = None
    """With `return_fields` or `explain`."""


class SlateOut(Shape):
    """A list for a user."""

    request_id: str
    """Send it with impressions and clicks; ask `/v1/why` with it."""
    bundle: str
    """Everything the list was made with."""
    experiment: str | None
    served_by: str
    """The scorer that decided, or `popular` when the pipeline failed and the popular items stood in."""
    degraded: list[str]
    """Parts that failed open."""
    cold_start: bool
    """Nothing is known about the user."""
    items: list[ItemOut]
    shortfall: int | None
    """How many fewer items than asked for; filters are never relaxed."""
    next_cursor: str | None
    """Send it as `cursor`, with the same question, for the next page."""


class RankOut(SlateOut):
    """Candidates in order."""

    unscored: list[str]
    """Candidates that are unknown, filtered, or beyond k."""


class FoundOut(Shape):
    """Items that match words."""

    query: str
    bundle: str
    items: list[ItemOut]


class SourceOut(Shape):
    """An item that an answer cites."""

    id: str
    title: str
    score: float
    """Three decimals."""


class CitedOut(Shape):
    """A grounded answer; [1] is the first source."""

    answer: str
    sources: list[SourceOut]
    mode: str
    """Which generator ran."""


class EventRowOut(Shape):
    """What became of one event."""

    event_id: str | None
    status: str
    """accepted, duplicate or rejected."""
    reason: str | None = None


class ReceiptOut(Shape):
    """What became of a batch, row by row in the order sent."""

    accepted: int
    duplicates: int
    rejected: int
    rows: list[EventRowOut]


class StageOut(Shape):
    """What one stage did."""

    stage: str
    kind: str
    rows_in: int
    rows_out: int
    dropped: int
    ms: float
    failed: str | None
    skipped: bool


class WhyItemOut(Shape):
    """One item of a past list."""

    item_id: str
    position: int
    score: float | None
    sources: dict[str, float | None]
    """Score by source."""
    columns: dict[str, Any]
    """What stages knew about it."""


class WhyOut(Shape):
    """The trace of one decision."""

    request_id: str
    user_id: str | None
    bundle: str
    surface: str
    spec_hash: str
    stages: list[StageOut]
    items: list[WhyItemOut]


class WhyNotOut(Shape):
    """What happened to one item on its way into a past list."""

    request_id: str
    item_id: str
    verdict: str
    """shown, dropped, cut, not_retrieved, unknown_item or not_recorded."""
    stage: str | None
    """The stage that dropped it."""
    text: str


class ItemDetailOut(Shape):
    """One item of the catalogue."""

    item_id: str
    fields: dict[str, Any]


class HistoryOut(Shape):
    """One event of a user."""

    item_id: str
    title: str | None
    occurred_at: float | None
    """UTC seconds; None where the data only knows an order."""


class UserDetailOut(Shape):
    """What is known about a user: the newest 20 events."""

    user_id: str
    known: bool
    history: list[HistoryOut]


class UserOut(Shape):
    """A user and how much is known."""

    user_id: str
    n_events: int


class UsersOut(Shape):
    """Users, most active first."""

    users: list[UserOut]


class StageNameOut(Shape):
    """One stage of a pipeline."""

    kind: str
    name: str


class CostOut(Shape):
    """What one scorer took when the bundle was loaded on this server."""

    surface: str
    stage: str
    rows: int
    """Candidates of one request that it scored."""
    ms: float
    """Wall milliseconds, median."""
    budget_ms: float
    """What it may take."""
    most: int | None
    """Rows of a request that are scored at most."""
    affords: int | None
    """Rows that the budget affords, where it is exceeded."""


class SurfaceOut(Shape):
    """A named place and the pipeline behind it."""

    name: str
    pipeline: str
    hash: str
    k: int
    stages: list[StageNameOut]
    costs: list[CostOut]


class SurfacesOut(Shape):
    """All surfaces."""

    surfaces: list[SurfaceOut]


class BundleOut(Shape):
    """One published bundle."""

    id: str
    is_current: bool
    created_at: float | None
    metrics: dict[str, Any]


class BundlesOut(Shape):
    """Published bundles, newest first."""

    bundles: list[BundleOut]
    serving: str | None


class ServingOut(Shape):
    """The bundle that serves now."""

    bundle: str


class ReadyOut(Shape):
    """A verified, warmed bundle serves."""

    status: str
    bundle: str
    items: int
    users: int
    surfaces: list[str]
    ranker: str | None


class LiveOut(Shape):
    """The process runs."""

    status: str
    version: str


class BookHealthOut(Shape):
    """The book's health."""

    status: str
    articles: int
    embedder: str
    has_ranker: bool
    rag_mode: str


class BookItemOut(Shape):
    """The book's article."""

    id: str
    title: str
    abstract: str
    category: str
    subcategory: str
    score: float | None = None


class BookListOut(Shape):
    """The book's list."""

    user_id: str
    cold_start: bool
    recommendations: list[BookItemOut]


class BookSearchOut(Shape):
    """The book's search."""

    query: str
    results: list[BookItemOut]


class BookFeedbackOut(Shape):
    """The book's receipt."""

    status: str
    user_id: str
    news_id: str
