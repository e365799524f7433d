"""Interactions as Parquet, alone or in a folder with item and user tables beside them; names as for CSV."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shortlist.core.errors import SchemaMismatch
from shortlist.data.dataset import Dataset
from shortlist.data.origin import Origin
from shortlist.data.readers.csv import ITEMS, LOGS, USERS, choose
from shortlist.data.readers.files import Folder
from shortlist.data.schema import dataset_from_frames

if TYPE_CHECKING:
    import polars as pl


class Parquet:
    """Reader of Parquet tables."""

    ENDINGS = (".parquet",)

    @staticmethod
    def detects(folder: Folder) -> bool:
        """A log by name, or a single table."""
        return choose(folder, LOGS, Parquet.ENDINGS, only=True) is not None

    @staticmethod
    def read(folder: Folder, *, name: str = "parquet", time_unit: str = "s") -> Dataset:
        """Read the tables; see the CSV reader. Raises: SchemaMismatch, BadRow."""
        log = choose(folder, LOGS, Parquet.ENDINGS, only=True)
        if log is None:
            raise SchemaMismatch(f"{folder.label}: no table of interactions.", hint=f"Name it {LOGS[0]}.parquet.")
        tables: dict[str, pl.DataFrame] = {}
        origins = {"events": Origin(folder.where(log))}
        for key, stems in (("items", ITEMS), ("users", USERS)):
            file = choose(folder, stems, Parquet.ENDINGS)
            if file is not None:
                tables[key], origins[key] = read_parquet(folder, file), Origin(folder.where(file))
        data = dataset_from_frames(
            read_parquet(folder, log),
            tables.get("items"),
            tables.get("users"),
            name=name,
            time_unit=time_unit,
            origins=origins,
        )
        return dataclasses.replace(data, notes={"file": log})


def read_parquet(folder: Folder, file: str) -> pl.DataFrame:
    """One table. Raises: SchemaMismatch when it cannot be read."""
    import polars as pl

    try:
        return pl.read_parquet(folder.read(file))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise SchemaMismatch(
            f"{folder.where(file)} is not a readable Parquet file ({type(error).__name__}).",
            hint="Write it again, or copy it again if it was cut short.",
        ) from None
