"""Content: more like what the user read, with old reading fading out.

Items are vectors (words by TF-IDF or BM25, or columns such as genres), a user is the decayed average of what they did,
and the score is the cosine between the two. New items can be scored the moment they have text, and every answer can say
"because you read X"; it never leaves the topics it has seen, and is only as good as the text.

Idea: Salton, Wong and Yang, "A Vector Space Model for Automatic Indexing", CACM 1975; weights: see `words`.
Cost: 24 bytes per distinct word of each item's text; a request touches the items that share a word with its profile.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from shortlist.core.bm25 import K1, B
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import recency, within
from shortlist.models.item_vectors import column_vectors
from shortlist.models.sparse import evidence_block, weighted_matrix
from shortlist.models.sums import SumModel
from shortlist.models.updating import replace, still
from shortlist.models.words import Alphabet, Weighting, WordVectors, unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `Content`."""

    mode: Literal["text", "columns"] = "text"
    """What describes an item: its text, or columns of the item table."""
    columns: tuple[str, ...] = ()
    """Columns of the item table for mode `columns`; none means every numeric one."""
    decay: Literal["time", "position", "none"] = "position"
    """Whether past events fade by their age in seconds, by how many events came after, or not at all."""
    half_life: PositiveFloat = 10.0
    """Seconds (decay by time) or events (by position) after which a past event counts half."""
    weighting: Weighting = "tfidf"
    """What a word weighs in a text: "tfidf", or "bm25", where repeats add ever less and long texts are held back."""
    sublinear: bool = False
    """tfidf: a word that stands c times in a text counts 1 + ln c instead of c."""
    k1: NonNegativeFloat = K1
    """bm25: how soon repeats stop to add; 0 counts a word once."""
    b: float = Field(default=B, ge=0, le=1)
    """bm25: how much long texts are held back, from not at all to by their whole length."""
    min_df: PositiveInt = 1
    """Words in fewer texts are left out."""
    max_features: PositiveInt | None = 50_000
    """Most words kept, those in most texts first."""
    alphabet: Alphabet = "ascii"
    """What a word is made of: "ascii" (a-z and digits) or "unicode" (letters of any script)."""

    @model_validator(mode="after")
    def _bm25_saturates_by_itself(self) -> Self:
        if self.weighting == "bm25" and self.sublinear:
            raise ValueError("sublinear belongs to tfidf; with bm25 a smaller k1 damps repeats")
        return self


class Content(SumModel):
    """Cosine of item vectors with the decayed profile of the history.

    Learned: `vectors_` CSR float64[M, D] as they enter a profile (words: length one; columns: as in the table),
    `by_place_` CSR float64[D, M], the same with length one, turned; `places_` D names (words or column values);
    `idf_` float64[D], empty in mode `columns`, and `mean_length_`, words per text.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Describe every item. A catalogue without any text gives a model that answers nothing.

        Raises:
            BadConfig: a column does not exist.
        """
        c = self.config
        if c.mode == "columns":
            self.vectors_, self.places_ = column_vectors(data, c.columns)
            self.idf_: Floats = np.empty(0)
            self.mean_length_ = 1.0
        else:
            from shortlist.data.text import item_text

            texts = item_text(data)
            words = WordVectors.fit(
                texts, min_df=c.min_df, max_features=c.max_features, sublinear=c.sublinear, alphabet=c.alphabet,
                weighting=c.weighting, k1=c.k1, b=c.b,
            )  # fmt: skip
            self.vectors_, self.places_, self.idf_ = words.transform(texts), list(words.terms), words.idf
            self.mean_length_ = words.mean_length
        self.by_place_ = unit_rows(self.vectors_).T.tocsr()

    def entries(self, requests: Requests) -> tuple[csr_array, csr_array]:
        """The profile of each request, and the items each place of it leads to: the sums are cosines."""
        now = still(self)
        return now._profiles(requests.history), now.by_place_

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score."""
        if not 0 <= item < self.n_items_:
            return None
        history = within(requests.history, np.ones(self.n_items_, bool))
        if len(history.item) == 0:
            return {}
        weight = self._weights(history)
        raw = self.vectors_[history.item]
        profile = np.sqrt(((weight @ raw) ** 2).sum())
        share = weight * (raw @ self.by_place_[:, [item]]).toarray()[:, 0] / (profile or 1.0)
        found = np.bincount(history.item, weights=share)
        return {int(i): float(found[i]) for i in np.unique(history.item) if found[i] != 0}

    def encode_requests(self, requests: Requests) -> Array:
        """float32[B, D] profiles of length one; zeros without a known past item."""
        profiles: Array = self._profiles(requests.history).toarray().astype(np.float32)
        return profiles

    def encode_items(self, items: Array) -> Array:
        """float32[n, D] item vectors of length one; zeros for items without description or newer than the fit."""
        out = np.zeros((len(items), len(self.places_)), np.float32)
        known = (items >= 0) & (items < self.n_items_)
        out[known] = unit_rows(self.vectors_[items[known]]).toarray()
        return out

    def score_texts(self, requests: Requests, texts: Sequence[str]) -> Floats:
        """float64[B, n], the score that an item with this text would have; NaN where nothing is shared."""
        self.require_fitted()
        return evidence_block(self._profiles(requests.history) @ self._words().transform(texts).T.tocsr())

    def extended(self, texts: Sequence[str]) -> Self:
        """A copy that also knows new items, numbered from the end of the catalogue, described by these texts."""
        from scipy.sparse import csr_array, vstack

        self.require_fitted()
        new = copy.copy(self)
        new.vectors_ = csr_array(vstack([self.vectors_, self._words().transform(texts)], format="csr"))
        new.by_place_ = unit_rows(new.vectors_).T.tocsr()
        new.n_items_ = self.n_items_ + len(texts)
        return new

    def describe(self, items: Ints, texts: Sequence[str]) -> Self:
        """Describe new or changed items by these texts, in the words known to the fit; in mode `columns`, nothing.

        Args:
            items: int64[n]; those beyond the catalogue extend it.
            texts: n of them; of an item that occurs twice the last counts.

        Raises:
            NotFitted: before the first fit.
        """
        from scipy.sparse import csr_array, vstack

        self.require_fitted()
        if self.config.mode == "columns" or len(items) == 0:
            return self
        latest = dict(zip(items.tolist(), texts, strict=True))
        changed = np.array(sorted(latest), np.int64)
        rows = self._words().transform([latest[item] for item in changed.tolist()])
        n = max(self.n_items_, int(changed[-1]) + 1)
        # Rows of the old and the new vectors, one under the other, in the order of the items.
        source = np.arange(n)
        source[self.n_items_ :] = self.n_items_ + len(changed)
        source[changed] = self.n_items_ + np.arange(len(changed))
        nothing = csr_array((1, len(self.places_)))
        vectors = csr_array(vstack([self.vectors_, rows, nothing], format="csr")[source])
        replace(self, vectors_=vectors, by_place_=unit_rows(vectors).T.tocsr(), n_items_=n)
        return self

    def representative(self) -> Floats:
        """float64[M], mean cosine of each item to all others: what to show when nothing is known, not even clicks."""
        self.require_fitted()
        total = self.by_place_.sum(axis=1)
        described = (np.diff(self.vectors_.indptr) > 0).astype(np.float64)
        mean: Floats = (self.by_place_.T @ total - described) / self.n_items_
        return mean

    def _profiles(self, history: History) -> csr_array:
        """CSR float64[B, D], rows of length one."""
        known = within(history, np.ones(self.n_items_, bool))
        return unit_rows(weighted_matrix(known, self.n_items_, self._weights(known)) @ self.vectors_)

    def _weights(self, history: History) -> Floats:
        """float64[T]; the latest event of each request weighs one, which changes no cosine and never underflows."""
        c = self.config
        if c.decay == "none":
            return np.ones(len(history.item))
        if c.decay == "position":
            return recency(history, decay=2.0 ** (-1.0 / c.half_life))
        last: Ints = np.repeat(history.offsets[1:] - 1, history.lengths)
        weight: Floats = 2.0 ** ((history.at - history.at[last]) / c.half_life)
        return weight

    def _words(self) -> WordVectors:
        if self.config.mode == "columns":
            raise BadConfig(
                "This content model describes items by columns, so it cannot read texts.",
                hint="Set mode to 'text'.",
                field="mode",
            )
        c = self.config
        return WordVectors(self.places_, self.idf_, self.mean_length_, c.sublinear, c.alphabet, c.weighting, c.k1, c.b)
