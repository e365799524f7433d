"""From a URL to a store: `open_store("event_log", "sqlite:.shortlist/state.db")`.

The scheme picks the row of the registry, the rest is the store's own affair. A scheme that exists but cannot serve the
kind says which ones can; a misspelt one suggests the nearest. Adding a store is one file and one registry row of kind
"event_log", "feature_store" or "ledger" whose name is the scheme and whose class has `from_url(place, options)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload
from urllib.parse import parse_qsl

from shortlist.core.errors import BadConfig, UnknownName
from shortlist.core.registry import load, rows
from shortlist.stores.base import EventLog, FeatureStore, Ledger

KINDS = ("event_log", "feature_store", "ledger")
# The settings call the log by what is in it.
ALIASES: Mapping[str, str] = {"events": "event_log", "features": "feature_store"}


@overload
def open_store(kind: Literal["event_log", "events"], url: str) -> EventLog: ...
@overload
def open_store(kind: Literal["feature_store", "features"], url: str) -> FeatureStore: ...
@overload
def open_store(kind: Literal["ledger"], url: str) -> Ledger: ...


def open_store(kind: str, url: str) -> Any:
    """Open a store.

    Args:
        kind: "event_log" (or "events", as in the settings), "feature_store" (or "features") or "ledger".
        url: `memory:` or `sqlite:PATH`, with options as `?max_rows=1000` (ledgers); for features also
            `redis://host:port/0`.

    Returns:
        An `EventLog`, a `FeatureStore` or a `Ledger`; close it when done.

    Raises:
        UnknownName: no such kind or scheme; suggests the nearest.
        BadConfig: the scheme cannot serve the kind, or the URL has an unknown option.
        MissingExtra: the scheme needs a package that is not installed.
        StoreUnavailable: it cannot be opened.
        VersionTooNew: a newer release wrote it.
    """
    kind = ALIASES.get(kind, kind)
    if kind not in KINDS:
        raise UnknownName("kind of store", kind, KINDS)
    scheme, colon, rest = url.partition(":")
    serving = {row.name for row in rows(kind)}
    if not colon or scheme not in serving:
        known = {row.name for one in KINDS for row in rows(one)}
        if colon and scheme in known:
            names = ", ".join(f"{name}:" for name in sorted(serving))
            raise BadConfig(f"The scheme '{scheme}:' cannot serve the {kind}.", hint=f"These can: {names}")
        raise UnknownName("store scheme", scheme, known)
    place, _, query = rest.partition("?")
    return load(scheme, kind).from_url(place, dict(parse_qsl(query, keep_blank_values=True)))
