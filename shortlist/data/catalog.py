"""Data by name or by path: public sets where they lie, folders and files by what they look like.

A known name is looked for under the data folder (`SHORTLIST_DATA`) and among what `shortlist data get` fetched.
Anything else must be a path, whose format is found out from file names. Nothing is downloaded here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shortlist.core import registry
from shortlist.core.errors import SchemaMismatch, UnknownName
from shortlist.core.settings import settings
from shortlist.data.dataset import Dataset
from shortlist.data.options import refuse_unknown
from shortlist.data.readers.files import Folder, places

ALIASES = {
    "movielens-100k": "ml-100k",
    "movielens-1m": "ml-1m",
    "movielens-latest-small": "ml-latest-small",
    "mind": "mind-small-sample",
}
# Readers that recognise their own file names, then those that take any table, in the order they are tried.
_SPECIFIC = ("movielens", "mind", "gowalla", "book_synthetic")
_GENERAL = ("parquet", "csv", "jsonl", "sequences")
# A file of a public set, and the one without which it cannot be read.
_HALVES = (("news.tsv", "behaviors.tsv"), ("u.data", "u.item"), ("ratings.dat", "movies.dat"))
_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class KnownSet:
    """A public set known by name; the registry's dataset rows point at these.

    Attributes:
        name: as users type it.
        reader: registry name of its reader.
        folder: its folder under the data folder.
        member: which zip or folder inside, by a part of its name; "" for the place itself or the only match.
        options: what the reader is told.
        holds: a file that tells the set from its siblings, or "".
    """

    name: str
    reader: str
    folder: str
    member: str = ""
    options: tuple[tuple[str, str], ...] = ()
    holds: str = ""

    def __call__(self, *, path: Path | None = None, **options: Any) -> Dataset:
        """Read the set, from `path` if given. Raises: SchemaMismatch when it is absent or broken."""
        home = path if path is not None else find_folder(self.folder)
        if home is None:
            raise absent(self.name, self.folder)
        reader = registry.load(self.reader, "reader")
        found = [place for place in places(home) if reader.detects(place) or (self.options and _has(place, self))]
        found = [place for place in found if not self.holds or place.has(self.holds)]
        chosen = [place for place in found if self.member in Path(place.label).name] or found
        if not chosen:
            raise SchemaMismatch(
                f"{home} does not hold '{self.name}'.",
                hint=f"Put the official files there; see: shortlist data get {self.name}",
            )
        return _read(self.reader, chosen[-1], self.name, {**dict(self.options), **options})


def newsroom(*, path: Path | None = None, **options: Any) -> Dataset:
    """The bundled newsroom world, made on first use and kept under the home folder."""
    from shortlist.data.worlds.newsroom import newsroom as make

    refuse_unknown(make, options, "the newsroom")
    return make(path=path, **options)


BEAUTY = KnownSet("beauty", "sequences", "amazon-5core-seq", options=(("file", "Beauty.txt"),))
BOOK_SYNTHETIC = KnownSet("book-synthetic", "book_synthetic", "book-synthetic")
GOWALLA = KnownSet("gowalla", "gowalla", "gowalla-lightgcn")
MIND_SMALL_SAMPLE = KnownSet("mind-small-sample", "mind", "mind-small-sample", member="train")
ML_100K = KnownSet("ml-100k", "movielens", "ml-100k", holds="u.data")
ML_1M = KnownSet("ml-1m", "movielens", "ml-1m", holds="movies.dat")
ML_LATEST_SMALL = KnownSet("ml-latest-small", "movielens", "ml-latest-small", member="2018", holds="ratings.csv")
SPORTS = KnownSet("sports", "sequences", "amazon-5core-seq", options=(("file", "Sports_and_Outdoors.txt"),))


def names() -> list[str]:
    """Names of all known sets, sorted."""
    return [row.name for row in registry.rows("dataset")]


def is_here(name: str) -> bool:
    """Whether a known set can be loaded without fetching anything.

    Raises:
        UnknownName: no such set.
    """
    known = registry.load(name, "dataset")
    return not isinstance(known, KnownSet) or find_folder(known.folder) is not None


def load(
    name_or_path: str | os.PathLike[str], *, path: str | os.PathLike[str] | None = None, **options: Any
) -> Dataset:
    """Load a data set.

    Args:
        name_or_path: a known name (see `names`), or a file or folder whose format is found out.
        path: where the named set lies, if not under the data folder.
        options: passed to the reader.

    Raises:
        UnknownName: neither a known name nor a path; suggests the nearest name.
        SchemaMismatch: the set is absent, or the files are not what they should be.
        BadRow: a row cannot be read.
    """
    text = os.fspath(name_or_path)
    name = ALIASES.get(text, text)
    if name in names():
        read: Callable[..., Dataset] = registry.load(name, "dataset")
        return read(path=None if path is None else Path(path), **options)
    if path is not None:
        raise UnknownName("data set", text, [*names(), *ALIASES])
    place = Path(text)
    if not place.exists():
        if place.suffix or len(place.parts) > 1:
            raise SchemaMismatch(f"There is no file or folder '{text}'.", hint="Check the path.")
        raise UnknownName("data set", text, [*names(), *ALIASES])
    return read_path(place, **options)


def read_path(path: Path, **options: Any) -> Dataset:
    """Read a file or folder by what it looks like. Raises: SchemaMismatch, BadRow."""
    if (path / "dataset.json").is_file():
        from shortlist.data.io import load_dataset

        return load_dataset(path)
    name = path.name.split(".", 1)[0] or "data"
    found = places(path)
    for kinds in (_SPECIFIC, _GENERAL):
        if kinds is _GENERAL:
            _refuse_half(found[0])
        for kind in kinds:
            reader = registry.load(kind, "reader")
            # Official sets may lie one level down, in a zip or folder; a table must be where the path points.
            fitting = [place for place in (found if kinds is _SPECIFIC else found[:1]) if reader.detects(place)]
            if fitting:
                return _read(kind, _preferred(fitting), name, options)
    inside = ", ".join(sorted(found[0].files)[:12]) or "nothing"
    raise SchemaMismatch(
        f"{path} is not in a format known here.",
        hint=f"Found: {inside}. Expected MovieLens, MIND (behaviors.tsv, news.tsv), or interactions as CSV, Parquet or "
        "JSONL with user_id, item_id, timestamp, called interactions.* where there are several tables "
        "(and items.*, users.* beside them).",
    )


def detect(path: Path) -> str | None:
    """Registry name of the reader that would read this path, or None."""
    found = places(path)
    for kinds in (_SPECIFIC, _GENERAL):
        for kind in kinds:
            reader = registry.load(kind, "reader")
            if any(reader.detects(place) for place in (found if kinds is _SPECIFIC else found[:1])):
                return kind
    return None


def find_folder(folder: str) -> Path | None:
    """Where a public set's folder lies, or None if it is nowhere."""
    for root in (settings().data, settings().home / "data"):
        if (root / folder).is_dir():
            return root / folder
    return None


def absent(name: str, folder: str) -> SchemaMismatch:
    """The error for a public set that is not on this machine."""
    return SchemaMismatch(
        f"The data set '{name}' is not on this machine.",
        hint=f"Fetch it with: shortlist data get {name} - or put it into '{settings().data / folder}', "
        "or say where it is with path=... or SHORTLIST_DATA.",
    )


def _read(kind: str, place: Folder, name: str, options: dict[str, Any]) -> Dataset:
    read = registry.load(kind, "reader").read
    refuse_unknown(read, options, f"the {kind} reader")
    data: Dataset = read(place, name=name, **options)
    return data


def _has(place: Folder, known: KnownSet) -> bool:
    return place.has(dict(known.options)["file"])


def _refuse_half(place: Folder) -> None:
    """Half of a public set is not a table of its own. Raises: SchemaMismatch."""
    tables = [name for name in place.files if name.endswith(_TABLES)]
    for present, absent in _HALVES:
        if place.has(present) and not place.has(absent) and tables in ([], [present]):
            raise SchemaMismatch(
                f"{place.label} has {present}, but no {absent}.", hint="Give the folder that holds both."
            )


def _preferred(fitting: list[Folder]) -> Folder:
    """The place itself if it fits; else the training part, else the last by name (the newest edition)."""
    if fitting[0].parent is None:
        return fitting[0]
    train = [place for place in fitting if "train" in Path(place.label).name.lower()]
    return (train or fitting)[-1]
