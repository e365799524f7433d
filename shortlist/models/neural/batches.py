"""Batches: ragged sequences to padded tensors, with sequences of like length together.

Long histories are cut into windows; short ones are never padded to the longest of the data set, only to the longest of
their batch. Everything is drawn from the generator of the epoch, so an interrupted run repeats itself.
Cost: a gather per batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shortlist.core.types import Array, Floats, History, Ints, offsets_of

BUCKET = 20
"""Batches among which sequences are sorted by length: enough for little padding, few enough to stay shuffled."""


@dataclass(frozen=True)
class Sequences:
    """Windows of events as tokens, right where a network reads them.

    Attributes:
        token: int64[T]; `offsets` int64[S+1]: window s owns token[offsets[s]:offsets[s+1]].
        at: float64[T], seconds.
        owner: int64[S], the user of each window.
    """

    token: Ints
    at: Floats
    offsets: Ints
    owner: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """int64[S]."""
        return np.diff(self.offsets)

    def padded(self, rows: Ints) -> tuple[Ints, Floats]:
        """Tokens int64[b, L] and seconds since each window's first event float32[b, L], padded right with 0."""
        lengths = self.lengths[rows]
        place = np.arange(max(1, int(lengths.max(initial=1))))
        there = place < lengths[:, None]
        index = np.where(there, self.offsets[rows][:, None] + place, 0)
        if len(self.token) == 0:
            return np.zeros(there.shape, np.int64), np.zeros(there.shape, np.float32)
        seconds = np.where(there, self.at[index] - self.at[index[:, :1]], 0.0)
        return np.where(there, self.token[index], 0), seconds.astype(np.float32)


def windows(history: History, max_len: int, *, least: int = 1, every: bool = True, overlap: int = 1) -> Sequences:
    """Cut histories of tokens into windows of at most `max_len` events, counted back from the latest.

    Args:
        history: `item` holds tokens.
        max_len: most events of a window.
        least: shorter windows are dropped.
        every: all windows of a history, or only the latest.
        overlap: events two neighbouring windows share (1: the last target of one is the first input of the next).
    """
    if not every:
        history = history.last(max_len)
    starts, stops, owner = [], [], []
    step = max(1, max_len - overlap)
    for user, (low, high) in enumerate(zip(history.offsets[:-1].tolist(), history.offsets[1:].tolist(), strict=True)):
        stop = high
        while stop - low >= least:
            start = max(low, stop - max_len)
            starts.append(start)
            stops.append(stop)
            owner.append(user)
            if start == low:
                break
            stop -= step
    lengths = np.array(stops, np.int64) - np.array(starts, np.int64)
    offsets = offsets_of(lengths)
    index = np.repeat(np.array(starts, np.int64) - offsets[:-1], lengths) + np.arange(offsets[-1])
    return Sequences(history.item[index], history.at[index], offsets, np.array(owner, np.int64))


def buckets(lengths: Ints, batch_size: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Row numbers of each batch: shuffled, then sorted by length within `BUCKET` batches, batches in random order."""
    order = rng.permutation(len(lengths))
    span = batch_size * BUCKET
    batches = []
    for start in range(0, len(order), span):
        part = order[start : start + span]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[at : at + batch_size] for at in range(0, len(part), batch_size)]
    for b in rng.permutation(len(batches)):
        yield batches[b]


def row_batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[Array]:
    """Row numbers of each batch of a table of n rows, shuffled."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]
