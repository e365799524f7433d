"""How the files of a set of labelled rows are laid out, and the one reader of all of them.

Every column that is no label, no quantity and not dropped is a word and becomes a code. Quantities that count things
are read as their logarithm (of one more, with the sign kept), because a mean and a deviation say nothing about numbers
of five magnitudes; the logarithm needs no fitting, so no held-out row has a say in it.
Cost: the table as text and as numbers at once. A file of tens of gigabytes has to be cut before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.errors import SchemaMismatch
from shortlist.core.settings import settings
from shortlist.core.types import Array, Floats
from shortlist.data.catalog import find_folder
from shortlist.data.labelled.rows import LabelledRows
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder, places
from shortlist.data.readers.parquet import read_parquet
from shortlist.data.readers.tables import read_delimited

if TYPE_CHECKING:
    import polars as pl

POSITIVE = ("1", "1.0", "true")
NEGATIVE = ("0", "0.0", "false")
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Source:
    """Files that hold one set, in one of the forms it is published in.

    Attributes:
        files: part ("train", "valid", "test") to file name without `.gz`; one part means undivided.
        separator: of its fields.
        header: names of the columns where the file has none.
    """

    files: Mapping[str, str]
    separator: str = ","
    header: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Layout:
    """One set; registry rows of kind `labelled` point at these.

    Attributes:
        name: as users type it.
        folder: its folder under the data folder.
        sources: the first one whose files are all there is read.
        labels: columns of labels.
        positive: words of the labels that mean yes.
        negative: words that mean no; empty means all others.
        quantities: columns that are numbers, as patterns (`I*`).
        counts: those of them that are read as logarithms.
        dropped: columns that say what happened after the row was shown, or name nothing.
        absent: words that stand for a missing value, beside the empty one.
        time: column of times, or "".
        seconds: from the words of that column to UTC seconds.
    """

    name: str
    folder: str
    sources: tuple[Source, ...]
    labels: tuple[str, ...]
    positive: tuple[str, ...] = POSITIVE
    negative: tuple[str, ...] = NEGATIVE
    quantities: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    time: str = ""
    seconds: Callable[[pl.Series], pl.Series] | None = field(default=None, compare=False)

    def __call__(self, *, path: Path | None = None) -> LabelledRows:
        """Read the set, from `path` if given.

        Raises:
            SchemaMismatch: a file or a column is missing. BadRow: a label or a number cannot be read; names the line.
        """
        import polars as pl

        home = path if path is not None else find_folder(self.folder)
        if home is None:
            raise SchemaMismatch(
                f"The rows of '{self.name}' are not on this machine.",
                hint=f"Put {self._wanted()} into '{settings().data / self.folder}', or say where with path=...",
            )
        here, source = self._found(home)
        tables = {part: _table(here, file, source) for part, file in source.files.items()}
        for frame, origin in tables.values():
            self._refuse_missing(frame, origin, self.dropped if source.header is None else ())
        frame = pl.concat([each for each, _ in tables.values()], how="vertical_relaxed")
        part = np.repeat([PARTS.index(each) for each in tables], [each.height for each, _ in tables.values()])
        labels = {
            name: np.concatenate([self._label(each, name, origin) for each, origin in tables.values()])
            for name in self.labels
        }
        columns: dict[str, Floats] = {}
        words: dict[str, tuple[str, ...]] = {}
        for name in frame.columns:
            if name in (*self.labels, self.time) or _fits(name, self.dropped):
                continue
            if _fits(name, self.quantities):
                each = [self._quantity(table, name, origin) for table, origin in tables.values()]
                columns[name] = np.concatenate(each)
            else:
                columns[name], words[name] = _coded(self._known(frame[name]))
        at = self._times(frame) if self.time else None
        missing = {name: int(np.isnan(values).sum()) for name, values in columns.items()}
        return LabelledRows(
            self.name, columns, tuple(words), labels, words, {name: n for name, n in missing.items() if n}, at,
            part.astype(np.int64) if len(tables) > 1 else None,
        )  # fmt: skip

    def is_here(self) -> bool:
        """Whether the files of one of the sources lie under the data folder."""
        home = find_folder(self.folder)
        return home is not None and any(
            place.has(*each.files.values()) for place in places(home) for each in self.sources
        )

    def _found(self, home: Path) -> tuple[Folder, Source]:
        for place in places(home):
            for source in self.sources:
                if place.has(*source.files.values()):
                    return place, source
        raise SchemaMismatch(f"{home} does not hold '{self.name}'.", hint=f"Looked for {self._wanted()}.")

    def _wanted(self) -> str:
        return " or ".join(" and ".join(source.files.values()) for source in self.sources)

    def _refuse_missing(self, frame: pl.DataFrame, origin: Origin, dropped: Sequence[str]) -> None:
        # A column that tells the outcome must not come in under another name.
        asked = [*self.labels, *([self.time] if self.time else []), *self.quantities, *self.counts, *dropped]
        for name in asked:
            if not any(fnmatchcase(column, name) for column in frame.columns):
                raise origin.mismatch(f"no column '{name}'", f"This is not the layout of '{self.name}'.", name)

    def _known(self, column: pl.Series) -> pl.Series:
        import polars as pl

        words = column.cast(pl.String).str.strip_chars()
        return words.set(words.is_in(["", *self.absent]).fill_null(True), None)

    def _label(self, frame: pl.DataFrame, name: str, origin: Origin) -> Array:
        import polars as pl

        words = frame[name].cast(pl.String).str.strip_chars().fill_null("").str.to_lowercase()
        yes, no = (words.is_in([each.lower() for each in given]).to_numpy() for given in (self.positive, self.negative))
        wrong = np.flatnonzero(~(yes | no) if self.negative else (words == "").to_numpy())
        if len(wrong):
            raise origin.bad_row(int(wrong[0]), name, "is no label", "Restore the original file.")
        return np.array(yes, bool)

    def _quantity(self, frame: pl.DataFrame, name: str, origin: Origin) -> Floats:
        import polars as pl

        words = self._known(frame[name])
        numbers = words.cast(pl.Float64, strict=False)
        wrong = np.flatnonzero((words.is_not_null() & ~numbers.is_finite().fill_null(False)).to_numpy())
        if len(wrong):
            raise origin.bad_row(int(wrong[0]), name, "is not a number", "Restore the original file.")
        out = np.array(numbers.fill_null(np.nan).to_numpy(), np.float64)
        return np.sign(out) * np.log1p(np.abs(out)) if _fits(name, self.counts) else out

    def _times(self, frame: pl.DataFrame) -> Floats:
        import polars as pl

        words = frame[self.time]
        seconds = words.cast(pl.Float64, strict=False) if self.seconds is None else self.seconds(words)
        out = np.array(seconds.fill_null(np.nan).to_numpy(), np.float64)
        wrong = np.flatnonzero(~np.isfinite(out))
        if len(wrong):
            raise SchemaMismatch(f"'{self.name}', row {wrong[0]}: '{self.time}' is no time.", field=self.time)
        return out


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _table(place: Folder, file: str, source: Source) -> tuple[pl.DataFrame, Origin]:
    if file.endswith(".parquet"):
        return read_parquet(place, file), Origin(place.where(file))
    raw = place.read(file)
    if source.header is None and raw.startswith(source.separator.encode()):
        # Row numbers that pandas writes have a column without a name.
        raw = b"row" + raw
    return read_delimited(raw, place.where(file), separator=source.separator, header=source.header)


def _coded(words: pl.Series) -> tuple[Floats, tuple[str, ...]]:
    """Codes of words, by place among the sorted ones, NaN for none; and the words."""
    known = words.drop_nulls().unique().sort().to_list()
    place = {word: float(code) for code, word in enumerate(known)}
    return np.array([place.get(word, np.nan) for word in words.to_list()], np.float64), tuple(known)
