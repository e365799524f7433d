"""One static table of everything that can be created by name.

A row is a name, where it lives, the extra it needs and one sentence. Nothing registers itself by being imported, so
listing what exists imports nothing. Third parties add rows by the entry point group `shortlist.plugins`: each entry
point resolves to a list of `Row`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from shortlist.core.errors import MissingExtra, OperatorError, UnknownName


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be created by name.

    Attributes:
        kind: table it belongs to ("retriever", "ranker", "source", "filter", "metric", ...).
        name: snake case, unique within its kind.
        target: "module:attribute".
        about: one sentence, or a phrase, for people who choose.
        extra: the optional dependency group it needs, if any.
    """

    kind: str
    name: str
    target: str
    about: str
    extra: str | None = None


# Extras and the module whose absence means that the extra is missing.
EXTRA_MODULES: Mapping[str, str] = {
    "ann": "faiss",
    "dist": "ray",
    "nn": "torch",
    "pandas": "pandas",
    "redis": "redis",
    "sql": "duckdb",
    "track": "mlflow",
}

# Sorted by kind, then name; the architecture test keeps it so.
ROWS: tuple[Row, ...] = (
)


@cache
def table() -> Mapping[tuple[str, str], Row]:
    """All rows by (kind, name), those of installed plug-ins included.

    Raises:
        OperatorError: two rows claim one name.
    """
    rows = list(ROWS)
    for point in importlib.metadata.entry_points(group="shortlist.plugins"):
        rows.extend(point.load())
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.kind, row.name)
        if key in found:
            raise OperatorError(
                f"Two rows claim the {row.kind} name '{row.name}'.",
                hint=f"Rename one of {found[key].target} and {row.target}.",
            )
        found[key] = row
    return found


def rows(kind: str | None = None) -> list[Row]:
    """The rows of one kind, or all of them, sorted by kind and name."""
    chosen = [row for row in table().values() if kind is None or row.kind == kind]
    return sorted(chosen, key=lambda row: (row.kind, row.name))


def find(name: str, *kinds: str) -> Row:
    """The row of that name in the first of `kinds` that has it.

    Raises:
        UnknownName: with the nearest known name.
    """
    for kind in kinds:
        if (kind, name) in table():
            return table()[kind, name]
    raise UnknownName(" or ".join(kinds), name, [row.name for row in table().values() if row.kind in kinds])


def load(name: str, *kinds: str) -> Any:
    """Import and return what the row points at.

    Raises:
        UnknownName: no such row.
        MissingExtra: the row's declared extra is not installed. Other import errors pass through unchanged.
    """
    row = find(name, *kinds)
    module, _, attribute = row.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        needed = EXTRA_MODULES.get(row.extra or "", "")
        if row.extra and error.name and error.name.split(".")[0] == needed:
            raise MissingExtra(needed, row.extra) from None
        raise


def create(name: str, *kinds: str, **config: Any) -> Any:
    """Create a configured, unfitted component: `create("ease", "retriever", reg=100)`.

    Raises:
        UnknownName: no such row.
        BadConfig: a setting is unknown or impossible.
        MissingExtra: an optional dependency is not installed.
    """
    return load(name, *kinds)(**config)
