"""The book's synthetic log: 18,000 interactions of 300 users with 150 items, 8 genre features per item.

`interactions.csv` (user, item, time) and `item_features.csv` (item, g0..g7). Times are a counter of steps that
all users share; users and items keep their numbers as dense indices, because the book's models draw random numbers in
that order.
"""

from __future__ import annotations

from shortlist.data.dataset import Dataset
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import infer_columns, read_delimited
from shortlist.data.schema import dataset_from_frames


class BookSynthetic:
    """Reader of the book's files."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """By both file names."""
        return folder.has("interactions.csv", "item_features.csv")

    @staticmethod
    def read(folder: Folder, *, name: str = "book-synthetic") -> Dataset:
        """Read both files. Item columns `g0`..`g7` are floats. Raises: SchemaMismatch, BadRow."""
        import polars as pl

        events, origin = read_delimited(folder.read("interactions.csv"), folder.where("interactions.csv"))
        items, items_origin = read_delimited(folder.read("item_features.csv"), folder.where("item_features.csv"))
        items = infer_columns(items, keep=("item",))
        users = pl.DataFrame({"user_id": events["user"].unique().sort()}) if "user" in events.columns else None
        if users is not None:
            users = users.sort(pl.col("user_id").str.len_bytes(), pl.col("user_id"))
        origins = {"events": origin, "items": items_origin}
        return dataset_from_frames(events, items, users, name=name, origins=origins)
