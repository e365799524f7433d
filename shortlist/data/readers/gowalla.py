"""Gowalla check-ins in LightGCN's published split: `train.txt` and `test.txt`, one user per line, no times.

Both parts become interactions, the train part first; types are "train" and "test", so that the published split can be
recovered with `split(data, "published")`. He et al., "LightGCN", SIGIR 2020.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadRow
from shortlist.core.types import Ints
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import read_text
from shortlist.data.vocab import Vocab


class Gowalla:
    """Reader of the LightGCN file layout."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """By the four file names."""
        return folder.has("train.txt", "test.txt", "user_list.txt", "item_list.txt")

    @staticmethod
    def read(folder: Folder, *, name: str = "gowalla") -> Dataset:
        """Read both parts; clock "none". Raises: SchemaMismatch, BadRow."""
        parts = [_pairs(folder, file) for file in ("train.txt", "test.txt")]
        user = np.concatenate([part[0] for part in parts])
        item = np.concatenate([part[1] for part in parts])
        kind = np.repeat(np.arange(2, dtype=np.int16), [len(part[0]) for part in parts])
        n_users, n_items = (int(ids.max(initial=-1)) + 1 for ids in (user, item))
        return Dataset(
            name=name,
            interactions=Interactions(
                user, item, np.arange(len(user), dtype=np.float64), np.ones(len(user), np.float32), kind,
                ("train", "test"),
            ),
            users=Vocab(str(index) for index in range(n_users)),
            items=Vocab(str(index) for index in range(n_items)),
            clock="none",
        )  # fmt: skip


def _pairs(folder: Folder, file: str) -> tuple[Ints, Ints]:
    where = folder.where(file)
    users, lengths, items = [], [], []
    for number, line in enumerate(read_text(folder.read(file), where).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = np.array(line.split(), np.int64)
        except (ValueError, OverflowError):
            raise BadRow(f"{where}, line {number}: not whole numbers.", hint="Restore the original file.") from None
        if (row < 0).any() or (row > 50_000_000).any():
            raise BadRow(f"{where}, line {number}: an index is out of range.", hint="Restore the original file.")
        users.append(row[0])
        lengths.append(len(row) - 1)
        items.append(row[1:])
    flat = np.concatenate(items) if items else np.empty(0, np.int64)
    return np.repeat(np.array(users, np.int64), lengths), flat
