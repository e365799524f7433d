"""Where state lives: small protocols, opened by URL, each with one shared conformance suite.

The event log is the truth (append-only, idempotent, durable); the ledger remembers decisions for a while. Everything
else is a fold over the log and may be thrown away.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EventLog", "Ledger", "open_store", "parse_event"]

_WHERE = {
    "EventLog": "shortlist.stores.base",
    "Ledger": "shortlist.stores.base",
    "open_store": "shortlist.stores.open",
    "parse_event": "shortlist.stores.events",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        import importlib

        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'shortlist.stores' has no attribute '{name}'")
