"""A dataset on disk: arrays as npz without objects, tables and ids as Parquet, the rest as JSON. Never pickle.

`dataset.json` is written last and carries the fingerprint, so a folder that was left half-written or changed later does
not load.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BundleCorrupt, VersionTooNew
from shortlist.core.types import Array
from shortlist.data.aside import file_aside
from shortlist.data.dataset import Dataset, Impressions, Interactions
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
_HINT = "Publish or save the data again; roll back if it is a bundle's."


def save_dataset(data: Dataset, folder: Path) -> None:
    """Write `dataset.json`, `events.npz`, `items.parquet` and `users.parquet` into `folder`, made if needed."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    events, shown = data.interactions, data.impressions
    arrays: dict[str, Array] = {
        "user": events.user, "item": events.item, "at": events.at, "value": events.value, "type": events.type,
    }  # fmt: skip
    if shown is not None:
        arrays |= {
            "shown_user": shown.user, "shown_at": shown.at, "shown_offsets": shown.offsets, "shown_item": shown.item,
            "shown_clicked": shown.clicked,
        }  # fmt: skip
    with file_aside(folder / "events.npz") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    for name, key, table, vocab in (
        ("items", "item_id", data.item_table, data.items),
        ("users", "user_id", data.user_table, data.users),
    ):
        frame = table if table is not None else pl.DataFrame({key: pl.Series(vocab.ids, dtype=pl.String)})
        with file_aside(folder / f"{name}.parquet") as file:
            frame.write_parquet(file)
    plain = {
        "format": FORMAT,
        "name": data.name,
        "clock": data.clock,
        "types": list(events.types),
        "item_table": data.item_table is not None,
        "user_table": data.user_table is not None,
        "impressions": shown is not None,
        "notes": dict(data.notes),
        "fingerprint": data.fingerprint,
    }
    with file_aside(folder / "dataset.json") as file:
        file.write(json.dumps(plain, indent=1, sort_keys=True).encode())


def load_dataset(folder: Path, *, verify: bool = True) -> Dataset:
    """Read back what `save_dataset` wrote.

    Args:
        folder: with the four files.
        verify: whether to compare the fingerprint.

    Raises:
        BundleCorrupt: a file is missing or damaged, holds objects, or the content is not what was saved.
        VersionTooNew: written by a newer version of the format.
    """
    import polars as pl

    try:
        plain = json.loads((folder / "dataset.json").read_text())
        if plain["format"] > FORMAT:
            raise VersionTooNew(f"The data set in '{folder.name}' has format {plain['format']}.", hint="Upgrade.")
        # Opened here, because numpy leaves a damaged file open.
        with open(folder / "events.npz", "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        items = _table(folder / "items.parquet")
        users = _table(folder / "users.parquet")
        data = Dataset(
            name=plain["name"],
            interactions=Interactions(
                arrays["user"], arrays["item"], arrays["at"], arrays["value"], arrays["type"], tuple(plain["types"])
            ),
            users=Vocab(users["user_id"].to_list()),
            items=Vocab(items["item_id"].to_list()),
            item_table=items if plain["item_table"] else None,
            user_table=users if plain["user_table"] else None,
            impressions=_impressions(arrays) if plain["impressions"] else None,
            clock=plain["clock"],
            notes=plain["notes"],
        )
        _check(data)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        raise BundleCorrupt(
            f"The data set in '{folder.name}' cannot be read ({type(error).__name__}).", hint=_HINT
        ) from None
    if verify and data.fingerprint != plain["fingerprint"]:
        raise BundleCorrupt(f"The data set in '{folder.name}' differs from what was saved.", hint=_HINT)
    return data


def _table(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path.read_bytes())


def _impressions(arrays: dict[str, Array]) -> Impressions:
    return Impressions(*(arrays[f"shown_{name}"] for name in ("user", "at", "offsets", "item", "clicked")))


def _check(data: Dataset) -> None:
    """Raises: ValueError when an index points outside its vocabulary or columns differ in length."""
    events: Any = data.interactions
    columns = [events.user, events.item, events.at, events.value, events.type]
    pairs = [(events.user, data.n_users), (events.item, data.n_items), (events.type, len(events.types))]
    if data.impressions is not None:
        shown = data.impressions
        pairs += [(shown.user, data.n_users), (shown.item, data.n_items)]
        if len(shown.offsets) != len(shown.user) + 1 or shown.offsets[-1] != len(shown.item):
            raise ValueError("offsets")
    if len({len(column) for column in columns}) != 1:
        raise ValueError("lengths")
    for index, size in pairs:
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise ValueError("index")
