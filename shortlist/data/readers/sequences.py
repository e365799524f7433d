"""Sequences, one user per line: `user item item ...` in the order the user met the items (S3-Rec and P5 files).

There is no time, only an order, so the clock is "rank" and the time of an event is its position. A file of attributes
(`*_item2attributes.json`, item -> list) beside it becomes the item column `attributes`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.core.types import offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import read_text
from shortlist.data.schema import dataset_from_frames


class Sequences:
    """Reader of sequence files."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """A single text file, or one with attributes of the same name beside it."""
        return _choose(folder, None) is not None

    @staticmethod
    def read(folder: Folder, *, name: str = "sequences", file: str | None = None) -> Dataset:
        """Read one file.

        Args:
            folder: where it lies.
            name: of the data set.
            file: which of several, e.g. "Beauty.txt".

        Raises:
            SchemaMismatch: there is none, or several and `file` does not say which.
            BadRow: a line has a user without items.
        """
        chosen = _choose(folder, file)
        if chosen is None:
            texts = ", ".join(sorted(one for one in folder.files if one.endswith(".txt"))) or "none"
            raise SchemaMismatch(f"{folder.label}: which sequence file?", hint=f"Say file=...; found: {texts}.")
        return read_sequences(folder, chosen, name)


def read_sequences(folder: Folder, file: str, name: str) -> Dataset:
    """Read the sequence file `file`. Raises: BadRow."""
    import polars as pl

    where = folder.where(file)
    lines = read_text(folder.read(file), where).split("\n")
    users: list[str] = []
    sizes: list[int] = []
    items: list[str] = []
    line_of: list[int] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) == 1:
            raise BadRow(f"{where}, line {number}: a user without items.", hint="Each line is: user item item ...")
        users.append(words[0])
        sizes.append(len(words) - 1)
        items.extend(words[1:])
        line_of.append(number)
    lengths = np.array(sizes, np.int64)
    row = np.repeat(np.arange(len(sizes)), lengths)
    offsets = offsets_of(lengths)
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    events = pl.DataFrame(
        {
            "user_id": pl.Series(users, dtype=pl.String).gather(row),
            "item_id": pl.Series(items, dtype=pl.String),
            "timestamp": position.astype(np.float64),
        }
    )
    origin = Origin(where, lambda event: line_of[int(row[event])])
    data = dataset_from_frames(events, _attributes(folder, file), name=name, clock="rank", origins={"events": origin})
    return replace(data, notes={"file": PurePath(file).name})


def _choose(folder: Folder, file: str | None) -> str | None:
    if file is not None:
        return file if folder.has(file) else None
    texts = sorted(name for name in folder.files if name.endswith(".txt"))
    with_attributes = [name for name in texts if folder.has(_attribute_file(name))]
    if len(folder.files) == 1 and len(texts) == 1:
        return texts[0]
    return with_attributes[0] if len(with_attributes) == 1 else None


def _attribute_file(file: str) -> str:
    return f"{file.removesuffix('.txt')}_item2attributes.json"


def _attributes(folder: Folder, file: str) -> Any:
    import polars as pl

    name = _attribute_file(file)
    if not folder.has(name):
        return None
    try:
        known = json.loads(folder.read(name))
        ids = sorted(known, key=lambda one: (len(one), one))
        lists = [[str(value) for value in known[one]] for one in ids]
    except (ValueError, TypeError) as error:
        raise BadRow(
            f"{folder.where(name)}: not a JSON object of item -> list ({type(error).__name__}).",
            hint="Restore the original file, or remove it: it only adds attributes.",
        ) from None
    return pl.DataFrame(
        {"item_id": ids, "attributes": lists}, schema={"item_id": pl.String, "attributes": pl.List(pl.String)}
    )
