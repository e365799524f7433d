"""Item columns as callers see them: which can be shown, as plain JSON values, and as words for the text index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BadRequest, nearest_hint
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.text import item_text
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    from shortlist.features.catalogue import ItemTable

HIDDEN = ("available", "is_hidden")
"""Columns that say whether an item may be shown, not what it is."""
HIDDEN_ENDINGS = ("_entities", "_embedding", "_vector")
"""Columns for machines."""


def shown_columns(catalogue: ItemTable) -> tuple[str, ...]:
    """Columns that are worth showing to people."""
    return tuple(name for name in catalogue.names() if name not in HIDDEN and not name.endswith(HIDDEN_ENDINGS))


def wanted_columns(
    catalogue: ItemTable, asked: Sequence[str] | None, *, all_by_default: bool
) -> tuple[str, ...] | None:
    """The columns an answer carries, or None for none at all.

    Raises:
        BadRequest: an unknown column, with the nearest one.
    """
    if asked is None:
        return shown_columns(catalogue) if all_by_default else None
    known = catalogue.names()
    for name in asked:
        if name not in known:
            hint = nearest_hint(name, known)
            raise BadRequest("There is no such item column.", hint=hint, field="return_fields")
    return tuple(asked)


def fields_of(catalogue: ItemTable, item: int, columns: Sequence[str]) -> dict[str, Any]:
    """The known values of one item as JSON values; unknown ones are left out."""
    out: dict[str, Any] = {}
    for name in columns:
        column = catalogue.column(name)
        value = plain(column[item]) if item < len(column) else None
        if value is not None and value != "" and value != []:
            out[name] = value
    return out


def plain(value: Any) -> Any:
    """A cell as a JSON value; None where it is unknown. Whole numbers lose their decimal point."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if not np.isfinite(number):
            return None
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (tuple, list, np.ndarray)):
        return [plain(part) for part in value]
    return value


def texts_of(catalogue: ItemTable, items: Sequence[int], *, labels: bool) -> list[tuple[int, str]]:
    """The text of changed items, made by the same rule as that of the bundle's items (see `data.text.item_text`)."""
    import polars as pl

    if not items:
        return []
    cells: dict[str, Any] = {}
    for name in catalogue.names():
        column = catalogue.column(name)
        if column.dtype == object:
            values = [column[item] for item in items]
            is_list = any(isinstance(value, tuple) and value for value in values)
            kind = pl.List(pl.String) if is_list else pl.String
            listed: list[Any] = [_words(value) if is_list else str(value or "") for value in values]
            cells[name] = pl.Series(name, listed, kind)
    nobody = np.empty(0, np.int64)
    nothing = Interactions(nobody, nobody, np.empty(0), np.empty(0, np.float32), np.empty(0, np.int16))
    frame = pl.DataFrame(cells) if cells else None
    changes = Dataset("changes", nothing, Vocab(), Vocab(str(item) for item in items), frame)
    texts = item_text(changes, labels=labels)
    return list(zip(items, texts, strict=True))


def _words(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, tuple) else []
