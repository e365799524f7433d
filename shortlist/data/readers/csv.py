"""Interactions as CSV or TSV, alone or in a folder with item and user tables beside them.

In a folder the interactions are `events`, `interactions`, `ratings`, `clicks` or `feedback` (`.csv` or `.tsv`, `.gz`
too), or the only table there; `items` (or `movies`, `products`, `articles`, `news`) and `users` are taken when present.
Ids stay text; item and user columns of numbers become numbers.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shortlist.core.errors import SchemaMismatch
from shortlist.data.dataset import Dataset
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import infer_columns, read_delimited
from shortlist.data.schema import dataset_from_frames, find_column

if TYPE_CHECKING:
    import polars as pl

LOGS = ("events", "interactions", "ratings", "clicks", "feedback")
ITEMS = ("items", "movies", "products", "articles", "news")
USERS = ("users",)


def choose(folder: Folder, stems: tuple[str, ...], endings: tuple[str, ...], *, only: bool = False) -> str | None:
    """The file with one of these stems; with `only`, else the single file with one of these endings."""
    named = folder.first(*(f"{stem}{ending}" for stem in stems for ending in endings))
    if named is not None or not only:
        return named
    tables = [name for name in folder.files if name.endswith(endings)]
    return tables[0] if len(tables) == 1 else None


class Csv:
    """Reader of delimited tables."""

    ENDINGS = (".csv", ".tsv")

    @staticmethod
    def detects(folder: Folder) -> bool:
        """A log by name, or a single table."""
        return choose(folder, LOGS, Csv.ENDINGS, only=True) is not None

    @staticmethod
    def read(folder: Folder, *, name: str = "csv", time_unit: str = "s") -> Dataset:
        """Read the tables.

        Args:
            folder: where they lie.
            name: of the data set.
            time_unit: unit of numeric times: s, ms, us or ns.

        Raises:
            SchemaMismatch: no log, or a column is missing.
            BadRow: names file, line and column.
        """
        log = choose(folder, LOGS, Csv.ENDINGS, only=True)
        if log is None:
            raise SchemaMismatch(f"{folder.label}: no table of interactions.", hint=f"Name it {LOGS[0]}.csv.")
        events, origin = _read(folder, log)
        tables: dict[str, pl.DataFrame] = {}
        origins: dict[str, Origin] = {"events": origin}
        for key, stems in (("items", ITEMS), ("users", USERS)):
            file = choose(folder, stems, Csv.ENDINGS)
            if file is not None:
                tables[key], origins[key] = read_entities(folder, file, "item_id" if key == "items" else "user_id")
        data = dataset_from_frames(
            events, tables.get("items"), tables.get("users"), name=name, time_unit=time_unit, origins=origins
        )
        return dataclasses.replace(data, notes={"file": log})


def read_entities(folder: Folder, file: str, key: str) -> tuple[pl.DataFrame, Origin]:
    """An item or user table whose numeric columns are numbers, ids aside."""
    frame, origin = _read(folder, file)
    column = find_column(frame.columns, key, origin)
    return infer_columns(frame, keep=() if column is None else (column,)), origin


def _read(folder: Folder, file: str) -> tuple[pl.DataFrame, Origin]:
    raw = folder.read(file)
    separator = "\t" if file.endswith(".tsv") else _separator(raw)
    return read_delimited(raw, folder.where(file), separator=separator)


def _separator(raw: bytes) -> str:
    """Comma, or the semicolon or tab that spreadsheets of other countries write instead."""
    first = raw.split(b"\n", 1)[0]
    counts = {separator: first.count(separator.encode()) for separator in (",", ";", "\t", "|")}
    return max(counts, key=lambda separator: counts[separator])
