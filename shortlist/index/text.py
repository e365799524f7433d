"""A small full-text index: words in, item numbers and BM25 scores out.

One sparse matrix of saturated term counts per segment; a query adds up the few rows of its words. Items that change
while serving go to a small open segment that is closed when full, and an item's newest text hides its older ones.
Scores are divided by what a text made of just the query's words could reach, so they lie in [0, 1) and mean the same
for every query: how much of what was asked is there.

Paper: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
Cost: 12 bytes per distinct (word, text) pair; a query touches only the postings of its words. Not for stemming beyond
plurals, phrases, or languages written without spaces.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.core.bm25 import K1, rarity, saturated
from shortlist.core.order import keep_best
from shortlist.core.types import Array, Floats, Ints

OPEN_ITEMS = 256
"""Changed items kept as plain dicts before they become a segment."""
MAX_WORDS = 64
"""Words of a query that count; the rest is ignored."""
WORD = re.compile(r"[^\W_]+", re.UNICODE)
STOP = frozenset(
    WORD.findall(
        """a about an and any are as at be been but by can did do does for from had has have he her him his how i if in
        into is it its me my no not of on or our s she so some t than that the their them then there these they this to
        up us was we were what when where which who whom whose why will with would you your"""
    )
)


def words_of(text: str) -> list[str]:
    """Words in order: compatibility-normalised, case-folded, plural s taken off, stop words left out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [_singular(word) for word in WORD.findall(folded) if word not in STOP]


def sentences_of(text: str) -> list[str]:
    """Sentences of a plain text, trimmed, in order."""
    return [part for part in (piece.strip() for piece in re.split(r"(?<=[.!?])\s+", text)) if part]


class TextIndex:
    """BM25 over item texts, with changes seen by the next query.

    Args:
        texts: one per item, position is the item; "" where nothing is known.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._home: dict[int, int] = {}
        self._open: dict[int, Counter[str]] = {}
        self._segments: list[_Segment] = []
        counted = [(item, Counter(words_of(text))) for item, text in enumerate(texts)]
        filled = [(item, counts) for item, counts in counted if counts]
        if filled:
            self._segments.append(_Segment.over(filled))
            self._home = {item: 0 for item, _ in filled}

    def __len__(self) -> int:
        return len(self._home) + sum(item not in self._home for item in self._open)

    def put(self, item: int, text: str) -> None:
        """Set the text of one item; "" takes it out. The next query sees it."""
        with self._lock:
            self._open = {**self._open, item: Counter(words_of(text))}
            if len(self._open) > OPEN_ITEMS:
                filled = [(i, counts) for i, counts in self._open.items() if counts]
                home = {i: n for i, n in self._home.items() if i not in self._open}
                home |= {i: len(self._segments) for i, _ in filled}
                if filled:
                    self._segments = [*self._segments, _Segment.over(filled)]
                self._home, self._open = home, {}

    def search(self, text: str, k: int, *, allowed: Array | None = None) -> tuple[Ints, Floats]:
        """The best `k` items.

        Args:
            text: any words; those never seen count against every item.
            k: at most so many.
            allowed: bool[M]; False hides an item, and so does being beyond its end. None allows all.

        Returns:
            item int64[n] and score float64[n] in (0, 1), best first, ties by item; empty without a matching word.
        """
        words = list(dict.fromkeys(words_of(text)))[:MAX_WORDS]
        with self._lock:
            segments, waiting, home = self._segments, self._open, self._home
        if not words:
            return np.empty(0, np.int64), np.empty(0)
        n_texts = sum(len(segment.item) for segment in segments) + len(waiting)
        seen = np.array(
            [sum(s.seen(word) for s in segments) + sum(word in c for c in waiting.values()) for word in words]
        )
        weight = rarity(n_texts, seen)
        best = float(weight.sum()) * (K1 + 1)
        items, scores = [], []
        for number, segment in enumerate(segments):
            item, score = segment.match(words, weight)
            current = np.array([i not in waiting and home.get(i) == number for i in item.tolist()], bool)
            items.append(item[current])
            scores.append(score[current])
        mean = _mean_length(segments)
        for changed, counts in waiting.items():
            total = sum(
                w * saturated(counts[word], counts.total(), mean) for word, w in zip(words, weight, strict=True)
            )
            if total > 0:
                items.append(np.array([changed], np.int64))
                scores.append(np.array([total]))
        item = np.concatenate([np.empty(0, np.int64), *items])
        score = np.concatenate([np.empty(0), *scores]) / best
        if allowed is not None:
            kept = (item < len(allowed)) & allowed[np.minimum(item, len(allowed) - 1)] if len(allowed) else item < 0
            item, score = item[kept], score[kept]
        first = keep_best(np.zeros(len(item), np.int64), score, item, k)
        return item[first], score[first]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Postings of some items: word w is in rows start[w]:start[w+1] of `place` (a position in `item`) and `gain`."""

    item: Ints
    number: dict[str, int]
    start: Ints
    place: Ints
    gain: Floats
    mean_length: float

    @classmethod
    def over(cls, counted: Iterable[tuple[int, Counter[str]]]) -> _Segment:
        from scipy.sparse import csc_array

        rows = list(counted)
        number: dict[str, int] = {}
        places, columns, counts = [], [], []
        for place, (_, words) in enumerate(rows):
            for word, n in words.items():
                places.append(place)
                columns.append(number.setdefault(word, len(number)))
                counts.append(n)
        length = np.array([words.total() for _, words in rows], np.float64)
        mean = float(length.mean())
        gain = saturated(np.array(counts, np.float64), length[places], mean)
        matrix: Any = csc_array((gain, (places, columns)), shape=(len(rows), len(number)))
        item = np.array([item for item, _ in rows], np.int64)
        return cls(item, number, matrix.indptr, matrix.indices, matrix.data, mean)

    def seen(self, word: str) -> int:
        """How many of the texts have the word."""
        n = self.number.get(word)
        return 0 if n is None else int(self.start[n + 1] - self.start[n])

    def match(self, words: Sequence[str], weight: Floats) -> tuple[Ints, Floats]:
        """Items with at least one of the words, and their sums."""
        total = np.zeros(len(self.item))
        for word, w in zip(words, weight, strict=True):
            n = self.number.get(word)
            if n is not None:
                rows = slice(self.start[n], self.start[n + 1])
                total[self.place[rows]] += w * self.gain[rows]
        hit = np.flatnonzero(total)
        return self.item[hit], total[hit]


def _mean_length(segments: Sequence[_Segment]) -> float:
    return segments[0].mean_length if segments else 1.0


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
