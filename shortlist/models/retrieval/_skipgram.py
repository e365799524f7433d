"""Skip-gram with negative sampling over sequences of items: what `item2vec` and `deepwalk` share.

An item should predict its neighbours in a sequence and not items drawn at random; the vectors that do so put items of
the same contexts side by side. A request is the weighted mean of its past items' vectors, newest heaviest, and items
are ranked by their cosine to it. Everything is drawn in natural order of the ids from one seeded stream on one core, so
a seed fixes the result.

Paper: Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed Representations of Words and Phrases and their
Compositionality", NIPS 2013.
Cost: about 6*d*window*(1 + negatives) flops per event and epoch; memory 8*M*d bytes while fitting, 4*M*d after.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import StageError
from shortlist.core.types import Array, Candidates, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.dense import cosine_rows, dot_rows, row_products
from shortlist.models.history import recency, within
from shortlist.models.retrieval._sampling import below, random_bits
from shortlist.models.retrieval._start import natural_order


class SkipGramConfig(ModelConfig):
    """Settings that both models have."""

    factors: int = Field(default=64, ge=1, le=1024)
    """Length of the vectors, d."""
    window: int = Field(default=20, ge=1)
    """Most places between two items that predict each other; each place draws its own reach up to it."""
    negatives: int = Field(default=10, ge=1)
    """Random items per pair."""
    negative_power: float = Field(default=0.75, ge=-1, le=1)
    """Negatives are drawn by events^this; lower values draw rare items more often and favour popular answers."""
    subsample: float = Field(default=0.0, ge=0)
    """Items with a larger share of all events than this are skipped at random, the more the larger; 0 skips none."""
    epochs: int = Field(default=20, ge=1)
    """Passes over all sequences; too few and rare items keep the directions they started with."""
    learning_rate: float = Field(default=0.05, gt=0)
    """Size of the first gradient step; it falls evenly to a hundredth of that."""
    min_events: int = Field(default=1, ge=1)
    """Items with fewer events get no vector."""
    decay: float = Field(default=0.7, gt=0, le=1)
    """Weight of each past event relative to the one after it when a request is read."""
    max_len: int = Field(default=50, ge=1)
    """Latest events of a history that are read for an answer."""


class SkipGramModel(CatalogueModel):
    """Cosine to the mean vector of the past. Subclasses say which sequences to learn from.

    Learned: `item_factors_` float32[M, d], rows of length one, zero for items without enough events; `known_` bool[M].
    """

    def sequences(self, data: Dataset, past: History, ctx: FitContext) -> tuple[Ints, Ints]:
        """Offsets int64[S+1] and items of the sequences to learn from.

        Args:
            data: what is fitted on.
            past: everybody's events, users and items in natural order, only items with enough events.
            ctx: seed.
        """
        raise StageError(f"{type(self).__name__} does not implement sequences().")

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Pass over all sequences `epochs` times."""
        c = self.config
        order = natural_order(data.items)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        events = np.bincount(data.interactions.item, minlength=len(order))[order]
        full = data.sequences.take(natural_order(data.users))
        past = within(History(place[full.item], full.at, full.offsets), events >= c.min_events)
        offsets, items = self.sequences(data, past, ctx)
        count = np.bincount(items, minlength=len(order))
        rng = np.random.default_rng(ctx.seed)
        vectors = rng.uniform(-0.5, 0.5, size=(len(order), c.factors)).astype(np.float32) / np.float32(c.factors)
        contexts = np.zeros_like(vectors)
        alias = _drawing_table(count, c.negative_power)
        keep = _kept_share(count, c.subsample)
        state = np.array([ctx.seed], np.uint64)
        for epoch in range(c.epochs):
            first, last = 1.0 - epoch / c.epochs, 1.0 - (epoch + 1) / c.epochs
            _pass(
                state, offsets, items, keep, *alias, vectors, contexts, c.window, c.negatives,
                c.learning_rate * max(first, 0.01), c.learning_rate * max(last, 0.01),
            )  # fmt: skip
            ctx.progress(epoch + 1, c.epochs)
        self.known_: Array = np.zeros(len(order), bool)
        self.known_[order] = count > 0
        length = np.sqrt(np.einsum("md,md->m", vectors, vectors, dtype=np.float64))
        self.item_factors_: Floats = np.zeros_like(vectors)
        self.item_factors_[order] = vectors / np.maximum(length, 1e-12)[:, None].astype(np.float32)
        self.item_factors_[~self.known_] = 0.0

    # --- answering ---------------------------------------------------------------------------------------------------

    def profiles(self, requests: Requests) -> Floats:
        """float64[B, d], each request's mean vector, of length one; zero without known past items."""
        past = within(requests.history, self.known_).last(self.config.max_len)
        out = np.zeros((len(past), self.item_factors_.shape[1]))
        _mean_vectors(past.offsets, past.item, recency(past, decay=self.config.decay), self.item_factors_, out)
        return out

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M] cosines; NaN for items without a vector and for requests without known past items."""
        profile = self.profiles(requests)
        out = np.empty((len(requests), self.n_items_), np.float32)
        dot_rows(profile, self.item_factors_, out)
        out[:, ~self.known_] = np.nan
        out[~profile.any(axis=1)] = np.nan
        return out

    def score_rows(self, requests: Requests, candidates: Candidates) -> Floats:
        """float32[N], as `score_block`, for the given rows alone."""
        profile = self.profiles(requests)
        return row_products(profile, self.item_factors_, self.known_, candidates.row, candidates.item)

    def similar_block(self, items: Ints) -> Floats:
        """float32[n, M], cosine between item vectors; NaN where either item has none."""
        return cosine_rows(self.item_factors_, items)

    def encode_requests(self, requests: Requests) -> Floats:
        """float32[B, d], profiles for a vector index."""
        return self.profiles(requests).astype(np.float32)

    def encode_items(self, items: Ints) -> Floats:
        """float32[len(items), d], item vectors for a vector index; zeros for items newer than the fit."""
        out = np.zeros((len(items), self.item_factors_.shape[1]), np.float32)
        inside = (items >= 0) & (items < self.n_items_)
        out[inside] = self.item_factors_[items[inside]]
        return out


def sessions(past: History, gap: float | None) -> Ints:
    """int64[S+1], offsets that cut each user's events wherever more than `gap` passed; None cuts nowhere."""
    if gap is None or len(past.item) == 0:
        return past.offsets[np.r_[True, np.diff(past.offsets) > 0]]
    first = np.zeros(len(past.item) + 1, bool)
    first[past.offsets] = True
    first[1:-1] |= np.diff(past.at) > gap
    return np.flatnonzero(first).astype(np.int64)


# --- private helpers -------------------------------------------------------------------------------------------------


def _drawing_table(count: Ints, power: float) -> tuple[Floats, Ints]:
    """Vose's alias table over items by count^power: a draw costs two random numbers whatever the catalogue.

    Returns:
        float64[M] chance to stay with the drawn place, and int64[M] the place to go to otherwise.
    """
    weight = np.zeros(len(count))
    weight[count > 0] = count[count > 0].astype(np.float64) ** power
    if not weight.any():
        return np.ones(len(count)), np.arange(len(count))
    stay = weight * (len(count) / weight.sum())
    other = np.arange(len(count))
    small, large = [i for i, s in enumerate(stay) if s < 1.0], [i for i, s in enumerate(stay) if s >= 1.0]
    while small and large:
        little, much = small.pop(), large[-1]
        other[little] = much
        stay[much] -= 1.0 - stay[little]
        if stay[much] < 1.0:
            small.append(large.pop())
    stay[large] = 1.0
    # What rounding left over stays where it is, unless it must never be drawn.
    rest = np.array(small, np.int64)
    stay[rest] = np.where(weight[rest] > 0, 1.0, 0.0)
    other[rest[weight[rest] == 0]] = int(np.argmax(weight))
    return stay, other.astype(np.int64)


def _kept_share(count: Ints, subsample: float) -> Floats:
    """float64[M], chance that an event of an item is read."""
    if subsample == 0:
        return np.ones(len(count))
    share = count / max(int(count.sum()), 1)
    kept: Floats = np.minimum(1.0, np.sqrt(subsample / np.maximum(share, 1e-300)))
    return kept


@njit(cache=True, nogil=True)
def _share(state: Array) -> float:
    """A random number in [0, 1)."""
    return float(random_bits(state) >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    state: Array, offsets: Array, items: Array, keep: Array, stay: Array, other: Array,
    vectors: Array, contexts: Array, window: int, negatives: int, first_rate: float, last_rate: float,
) -> None:  # fmt: skip
    """One epoch over all sequences; the learning rate falls evenly from the first to the last."""
    n_items, d = vectors.shape
    pull = np.zeros(d, np.float32)
    longest = 1
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    line = np.empty(longest, np.int64)
    for s in range(len(offsets) - 1):
        rate = np.float32(first_rate + (last_rate - first_rate) * s / (len(offsets) - 1))
        n = 0
        for t in range(offsets[s], offsets[s + 1]):
            if keep[items[t]] >= 1.0 or _share(state) < keep[items[t]]:
                line[n] = items[t]
                n += 1
        for a in range(n):
            i = line[a]
            reach = 1 + np.int64(below(state, window))
            for b in range(a - reach, a + reach + 1):
                if b < 0 or b >= n or line[b] == i:
                    continue
                target = line[b]
                pull[:] = 0.0
                for draw in range(negatives + 1):
                    if draw == 0:
                        j = target
                        label = np.float32(1)
                    else:
                        j = np.int64(below(state, n_items))
                        if _share(state) >= stay[j]:
                            j = other[j]
                        if j == target or j == i:  # noqa: SIM109
                            continue
                        label = np.float32(0)
                    dot = np.float32(0)
                    for f in range(d):
                        dot += vectors[i, f] * contexts[j, f]
                    step = rate * (label - np.float32(1) / (np.float32(1) + np.exp(-dot)))
                    for f in range(d):
                        pull[f] += step * contexts[j, f]
                        contexts[j, f] += step * vectors[i, f]
                for f in range(d):
                    vectors[i, f] += pull[f]


@njit(cache=True, nogil=True)
def _mean_vectors(offsets: Array, item: Array, weight: Array, vectors: Array, out: Array) -> None:
    """Weighted sums of vectors per request in event order, brought to length one, into out float64[B, d]."""
    d = vectors.shape[1]
    for b in range(len(offsets) - 1):
        for t in range(offsets[b], offsets[b + 1]):
            for f in range(d):
                out[b, f] += weight[t] * vectors[item[t], f]
        length = 0.0
        for f in range(d):
            length += out[b, f] ** 2
        if length > 0:
            for f in range(d):
                out[b, f] /= np.sqrt(length)
