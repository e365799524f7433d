"""MIND, the Microsoft News Dataset: `behaviors.tsv` (what was shown and clicked) and `news.tsv` (the articles).

Clicks become interactions of type "click", shown lists become impressions. The reading history of a user has no times;
its items become interactions of type "history", spread evenly over the four weeks before the log starts, and items that
turn up in the history later, between the two log rows that bracket them. Articles without a row in `news.tsv` are kept
(`unknown="skip"` drops them), entity columns are not read. Wu et al., "MIND", ACL 2020. Cost: 0.2 s for 5,000 rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from shortlist.core.errors import BadConfig, BadRow
from shortlist.core.types import Floats, Ints, offsets_of
from shortlist.data.dataset import Dataset, Impressions, Interactions
from shortlist.data.ids import id_problem
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import read_text
from shortlist.data.schema import align
from shortlist.data.times import to_seconds
from shortlist.data.vocab import Vocab

if TYPE_CHECKING:
    import polars as pl

HISTORY_SPAN_S = 28 * 86_400.0
"""The reading history is spread over this long before the log's first row."""
_NEWS = ("item_id", "category", "subcategory", "title", "abstract", "url")


class Mind:
    """Reader of MIND folders."""

    @staticmethod
    def detects(folder: Folder) -> bool:
        """By the name of the log."""
        return folder.has("behaviors.tsv")

    @staticmethod
    def read(
        folder: Folder, *, name: str = "mind", unknown: Literal["keep", "skip"] = "keep", **options: Any
    ) -> Dataset:
        """Read one part (train, dev or test).

        Args:
            folder: with `behaviors.tsv` and, for texts, `news.tsv`; `.gz` variants are fine.
            name: of the data set.
            unknown: what to do with shown or read articles that `news.tsv` lacks.

        Returns:
            Items: the articles in file order, then unknown ids as they appear. Item column `first_seen_at` is the
            time an article was first shown, null if it never was. `notes` counts what was read.

        Raises:
            SchemaMismatch: `behaviors.tsv` is missing.
            BadRow: a line has the wrong number of fields, an unreadable time or a broken impression.
        """
        if unknown not in ("keep", "skip"):
            raise BadConfig("Unknown articles are either kept or skipped.", hint="Say keep or skip.", field="unknown")
        news = _read_news(folder) if folder.has("news.tsv") else None
        items = Vocab(news["item_id"].to_list() if news is not None else ())
        log = _Log(items, skip=len(items) if unknown == "skip" else None)
        log.read(read_text(folder.read("behaviors.tsv"), folder.where("behaviors.tsv")), folder.where("behaviors.tsv"))
        return log.dataset(name, news)


@dataclass
class _Log:
    """What `behaviors.tsv` says, gathered line by line."""

    items: Vocab
    skip: int | None
    """Ids at or beyond this index are dropped; None keeps all."""
    users: Vocab = field(default_factory=Vocab)
    user: list[int] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    read_before: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    clicked: list[bool] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    where: str = ""
    at: Floats = field(default_factory=lambda: np.empty(0))

    def read(self, text: str, where: str) -> None:
        """Take in every line. Raises: BadRow."""
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            parts = line.split("\t")
            if len(parts) != 5:
                raise BadRow(
                    f"{where}, line {number}: {len(parts)} fields where 5 are expected.",
                    hint="The fields are: impression id, user id, time, history, impressions; separated by tabs.",
                )
            problem = id_problem(parts[1])
            if problem:
                raise BadRow(f"{where}, line {number}: column 'user_id' {problem}.", hint="Restore the line.")
            self.user.append(self.users.add(parts[1]))
            self.times.append(parts[2])
            self.read_before.append(parts[3])
            self.line.append(number)
            self.sizes.append(self._shown(parts[4], where, number))
        self.where = where
        self.at = _times(self.times, Origin(where, lambda row: self.line[row]))

    def _shown(self, listed: str, where: str, number: int) -> int:
        size = 0
        for word in listed.split():
            external, dash, label = word.rpartition("-")
            # The test part of MIND has no labels: ids alone.
            if dash and label in ("0", "1"):
                click = label == "1"
            elif not dash:
                external, click = word, False
            else:
                raise BadRow(
                    f"{where}, line {number}: column 'impressions' has an entry that is not like N123-0.",
                    hint="Each shown article is its id, a dash, and 1 if it was clicked or 0.",
                )
            index = self._item(external, where, number)
            if index >= 0:
                self.shown.append(index)
                self.clicked.append(click)
                size += 1
        return size

    def _item(self, external: str, where: str, number: int) -> int:
        """Index of an article, new ones appended; -1 for those to be skipped."""
        index = self.items.get(external)
        if index < 0 and self.skip is None:
            problem = id_problem(external)
            if problem:
                raise BadRow(f"{where}, line {number}: an article id {problem}.", hint="Restore the line.")
            index = self.items.add(external)
        return index

    def dataset(self, name: str, news: pl.DataFrame | None) -> Dataset:
        """Put it together: histories, then clicks in file order."""
        past = self._histories()
        user = np.array(self.user, np.int64)
        offsets = offsets_of(np.array(self.sizes, np.int64))
        clicked = np.array(self.clicked, bool)
        shown = Impressions(user, self.at, offsets, np.array(self.shown, np.int64), clicked)
        row = shown.row[clicked]
        both = Interactions(
            user=np.concatenate([past[0], user[row]]),
            item=np.concatenate([past[1], shown.item[clicked]]),
            at=np.concatenate([past[2], self.at[row]]),
            value=np.ones(len(past[0]) + len(row), np.float32),
            type=np.repeat(np.array([0, 1], np.int16), [len(past[0]), len(row)]),
            types=("history", "click"),
        )
        notes = {
            "impressions": len(user),
            "shown": len(clicked),
            "clicks": int(clicked.sum()),
            "history": len(past[0]),
            "history_ids": sum(text.count(" ") + 1 for text in self.read_before if text),
            "articles": 0 if news is None else news.height,
            "skipped_unknown": self.skip is not None,
        }
        ids = self.items.ids
        return Dataset(name, both, self.users, self.items, _item_table(news, ids, shown), None, shown, notes=notes)

    def _histories(self) -> tuple[Ints, Ints, Floats]:
        """User, item and time of every past reading, by user in order of appearance."""
        by_user: list[list[int]] = [[] for _ in range(len(self.users))]
        for row in np.argsort(self.at, kind="stable").tolist():
            by_user[self.user[row]].append(row)
        start = float(self.at.min(initial=np.inf))
        starts = offsets_of(np.array(self.sizes, np.int64)).tolist()
        user: list[int] = []
        item: list[int] = []
        at: list[float] = []
        for who, rows in enumerate(by_user):
            known: set[int] = set()
            seen_text, last = None, start - HISTORY_SPAN_S
            for position, row in enumerate(rows):
                text = self.read_before[row]
                if text != seen_text:
                    line = self.line[row]
                    ids = [self._item(word, self.where, line) for word in text.split()]
                    ids = [one for one in ids if one >= 0]
                    new = ids if position == 0 else [one for one in dict.fromkeys(ids) if one not in known]
                    until = start if position == 0 else float(self.at[row])
                    gap = until - last
                    at += [last + gap * (j + 0.5) / len(new) for j in range(len(new))]
                    item += new
                    user += [who] * len(new)
                    known.update(ids)
                    seen_text = text
                clicks = range(starts[row], starts[row + 1])
                known.update(self.shown[one] for one in clicks if self.clicked[one])
                last = float(self.at[row])
        return np.array(user, np.int64), np.array(item, np.int64), np.array(at, np.float64)


def _read_news(folder: Folder) -> pl.DataFrame:
    import polars as pl

    where = folder.where("news.tsv")
    columns: list[list[str]] = [[] for _ in _NEWS]
    seen: dict[str, int] = {}
    for number, line in enumerate(read_text(folder.read("news.tsv"), where).split("\n"), 1):
        if not line.strip():
            continue
        # Entity columns after the sixth are not read; some mirrors leave them, or the url, out.
        parts = line.split("\t")
        if len(parts) < 5:
            raise BadRow(
                f"{where}, line {number}: {len(parts)} fields where 5 to 8 are expected.",
                hint="The fields are: id, category, subcategory, title, abstract, url and two entity columns; by tabs.",
            )
        problem = id_problem(parts[0])
        if problem:
            raise BadRow(f"{where}, line {number}: column 'news_id' {problem}.", hint="Restore the line.")
        if parts[0] in seen:
            raise BadRow(
                f"{where}, line {number}: the article of line {seen[parts[0]]} again.", hint="Keep one line per id."
            )
        seen[parts[0]] = number
        for column, value in zip(columns, [*parts[:6], ""], strict=False):
            column.append(value)
    return pl.DataFrame({name: pl.Series(column, dtype=pl.String) for name, column in zip(_NEWS, columns, strict=True)})


def _item_table(news: pl.DataFrame | None, ids: list[str], shown: Impressions) -> pl.DataFrame | None:
    import polars as pl

    if news is None:
        return None
    first = np.full(len(ids), np.inf)
    np.minimum.at(first, shown.item, shown.at[shown.row])
    table = align(news, "item_id", ids)
    if table is None:
        return None
    seen = pl.Series("first_seen_at", np.where(np.isfinite(first), first, np.nan)).fill_nan(None)
    ordered = ["item_id", "title", "category", "subcategory", "abstract", "url"]
    return table.select(ordered).with_columns(seen)


def _times(texts: list[str], origin: Origin) -> Floats:
    """`11/11/2019 9:05:58 AM`, hours padded or not, as UTC seconds; ISO 8601 as a fallback."""
    import polars as pl

    out = np.full(len(texts), np.nan)
    left = []
    for row, text in enumerate(texts):
        try:
            date, clock, half = text.split()
            month, day, year = date.split("/")
            hour, minute, second = clock.split(":")
            if half.upper() not in ("AM", "PM") or not 1 <= int(hour) <= 12:
                raise ValueError
            hours = int(hour) % 12 + (12 if half.upper() == "PM" else 0)
            moment = datetime(int(year), int(month), int(day), hours, int(minute), int(second), tzinfo=UTC)
            out[row] = moment.timestamp()
        except ValueError:
            left.append(row)
    if left:
        spelt = [texts[row] for row in left]
        full = [_day_hours(text) or text for text in spelt]
        inner = Origin(origin.file, None if origin.line_of is None else lambda row: _line(origin, left[row]))
        out[left] = to_seconds(pl.Series(full, dtype=pl.String), inner, column="time")
    return out


def _line(origin: Origin, row: int) -> int:
    return row if origin.line_of is None else origin.line_of(row)


def _day_hours(text: str) -> str | None:
    """`11/11/2019 21:05:58` as ISO text, or None."""
    try:
        return datetime.strptime(text.strip(), "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return None
