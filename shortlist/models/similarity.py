"""How alike two sparse vectors are: by counts of what they share, by angle, or by agreement of ratings.

A block of rows is compared with a whole population through sparse products, so the memory is the number of pairs that
share anything: what `user_knn` does with each request. Where every vector meets every other, `neighbours` gives the
same numbers from compiled code that keeps only the best.
Pearson follows Resnick et al., "GroupLens", CSCW 1994: means are taken over the common entries only. Adjusted cosine
follows Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", WWW 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from shortlist.core.bm25 import saturated
from shortlist.core.types import Floats
from shortlist.models.base import ModelConfig
from shortlist.models.sparse import keep_stored, row_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Measure = Literal["adjusted_cosine", "bm25", "cooccurrence", "cosine", "jaccard", "lift", "pearson", "tfidf"]
"""What `Population.alike` can measure:

- `cooccurrence`: entries in common; `jaccard`: over all entries of the pair; `lift`: over what chance would give;
- `cosine` of the weights; `tfidf`: of weights times the rarity of their place; `bm25`: inner product of such weights
  that saturate and are damped by the length of the vector;
- `pearson` and `adjusted_cosine`: agreement of ratings over common entries, around the vector's or the place's mean.
"""
RATED: frozenset[Measure] = frozenset({"adjusted_cosine", "pearson"})
"""Measures that compare ratings and say nothing about plain events."""

BM25_SATURATION = 100.0
"""How many events of a pair count before more of them stop to matter; large, because few pairs repeat."""
BM25_LENGTH = 0.8
"""How far a vector's length damps its weights, 0 to 1."""


@dataclass(frozen=True)
class Population:
    """The vectors to compare with, turned so that products are fast.

    Attributes:
        flat: CSR float64[D, N], the weights; column n is vector n.
        binary: the same places, all ones; the same object where the weights are all ones anyway.
        square: the same places, squared weights.
        norm: float64[N], Euclidean length of each vector.
        size: float64[N], entries of each vector.
        place: float64[D], rarity of each place (tfidf, bm25) or its mean weight (adjusted_cosine); empty otherwise.
        mean_size: float, mean sum of weights of a vector that has any.
        low: smallest weight, taken off before Pearson so that large offsets cost no precision.
        span: largest minus smallest weight, at least a tiny number.
    """

    flat: csr_array
    binary: csr_array
    square: csr_array
    norm: Floats
    size: Floats
    place: Floats
    mean_size: float
    low: float
    span: float

    @classmethod
    def of(cls, flat: csr_array, measure: Measure) -> Self:
        """Prepare the N columns of CSR float64[D, N] for one measure."""
        place = _places(flat, measure)
        n = flat.shape[1]
        total = np.bincount(flat.indices, weights=flat.data, minlength=n).astype(np.float64)
        mean_size = float(total.sum()) / max(int((total > 0).sum()), 1)
        if len(place):
            flat = _filled(flat, _weighted(flat.data, place[row_of(flat)], total[flat.indices], mean_size, measure))
        low = float(flat.data.min()) if flat.nnz else 0.0
        span = max(float(flat.data.max()) - low, 1e-12) if flat.nnz else 1.0
        if measure == "pearson":
            # Between one and two: no stored zero can vanish from a product, and sums of squares stay small.
            flat = _filled(flat, 1.0 + (flat.data - low) / span)
        plain = bool((flat.data == 1.0).all())
        binary = flat if plain else _filled(flat, np.ones(flat.nnz))
        square = flat if plain else _filled(flat, flat.data**2)
        norm = np.sqrt(np.bincount(square.indices, weights=square.data, minlength=n))
        size = np.bincount(flat.indices, minlength=n).astype(np.float64)
        return cls(flat, binary, square, norm, size, place, mean_size, low, span)

    def alike(
        self,
        rows: csr_array,
        measure: Measure,
        *,
        shrinkage: float,
        min_similarity: float,
        min_common: int,
        asymmetry: float = 0.5,
    ) -> csr_array:
        """CSR float64[n, N], the similarity of each row to every vector that shares something with it.

        Args:
            rows: CSR float64[n, D] in the population's weights.
            measure: the one that the population was prepared for.
            shrinkage: similarity is multiplied by c / (c + shrinkage) for c common entries.
            min_similarity: values at or below are left out.
            min_common: pairs with fewer common entries are left out.
            asymmetry: of cosine and tfidf, see `NeighbourConfig`.
        """
        ones = _filled(rows, np.ones(rows.nnz))
        common = ones @ self.binary
        common.sort_indices()
        count = common.data
        if len(self.place):
            total = np.bincount(row_of(rows), weights=rows.data, minlength=rows.shape[0]).astype(np.float64)
            place = self.place[rows.indices]
            rows = _filled(rows, _weighted(rows.data, place, total[row_of(rows)], self.mean_size, measure))
        if measure in ("cosine", "tfidf"):
            value = self._cosine(rows, common, asymmetry)
        elif measure == "bm25":
            value = _values_at(rows @ self.flat, common)
        elif measure == "pearson":
            value = self._pearson(rows, ones, common)
        elif measure == "adjusted_cosine":
            value = self._adjusted_cosine(rows, ones, common)
        else:
            mine = np.diff(rows.indptr)[row_of(common)].astype(np.float64)
            value = self._counted(count, mine, self.size[common.indices], measure)
        value = value * (count / (count + shrinkage)) if shrinkage else value
        return keep_stored(_filled(common, value), (value > min_similarity) & (count >= min_common))

    def _counted(self, count: Floats, mine: Floats, theirs: Floats, measure: Measure) -> Floats:
        if measure == "jaccard":
            return count / (mine + theirs - count)
        if measure == "lift":
            used = max(int((np.diff(self.flat.indptr) > 0).sum()), 1)
            return count * used / (mine * theirs)
        return count.copy()

    def _adjusted_cosine(self, rows: csr_array, ones: csr_array, common: csr_array) -> Floats:
        mine = _values_at(_filled(rows, rows.data**2) @ self.binary, common)
        theirs = _values_at(ones @ self.square, common)
        # Who deviates nowhere from the others agrees with nobody.
        defined = (mine > 1e-9) & (theirs > 1e-9)
        dot = _values_at(rows @ self.flat, common)
        value: Floats = np.where(defined, dot / np.sqrt(np.where(defined, mine * theirs, 1.0)), -np.inf)
        return value

    def _cosine(self, rows: csr_array, common: csr_array, asymmetry: float) -> Floats:
        mine = np.sqrt(np.bincount(row_of(rows), weights=rows.data**2, minlength=rows.shape[0]))
        theirs = self.norm
        if asymmetry != 0.5:
            mine, theirs = mine ** (2 * asymmetry), theirs ** (2 - 2 * asymmetry)
        scale = mine[row_of(common)] * theirs[common.indices]
        plain = self.flat is self.binary and bool((rows.data == 1.0).all())
        dot = common.data if plain else _values_at(rows @ self.flat, common)
        value: Floats = dot / np.where(scale > 0, scale, 1.0)
        return value

    def _pearson(self, rows: csr_array, ones: csr_array, common: csr_array) -> Floats:
        moved = _filled(rows, 1.0 + (rows.data - self.low) / self.span)
        squared = _filled(rows, moved.data**2)
        n = common.data
        sum_x, sum_y = _values_at(moved @ self.binary, common), _values_at(ones @ self.flat, common)
        var_x = _values_at(squared @ self.binary, common) - sum_x**2 / n
        var_y = _values_at(ones @ self.square, common) - sum_y**2 / n
        cov = _values_at(moved @ self.flat, common) - sum_x * sum_y / n
        # Who gave everything the same rating agrees with nobody: the correlation is undefined, not one.
        defined = (var_x > 1e-9) & (var_y > 1e-9)
        value: Floats = np.where(defined, cov / np.sqrt(np.where(defined, var_x * var_y, 1.0)), -np.inf)
        return value


class NeighbourConfig(ModelConfig):
    """Settings of models that answer by neighbours, be they items or users."""

    similarity: Measure = "cosine"
    """cosine, tfidf (common users or items say less), bm25, jaccard (what both have over what either has), lift,
    cooccurrence; or, for ratings only, pearson (agreement around own means) or adjusted_cosine (around the means of
    the users that rate two items, or of the items that two users rated)."""
    weight: Literal["binary", "count", "value", "last"] | None = None
    """What a pair of user and item holds: 1, number of events, sum of values, or the latest value. None is binary, and
    the latest value for pearson and adjusted_cosine."""
    shrinkage: NonNegativeFloat = 0.0
    """Similarity is multiplied by c / (c + shrinkage) for c users or items in common: distrusts thin evidence."""
    min_similarity: float = Field(default=0.0, ge=0.0)
    """Pairs at or below are no neighbours."""
    min_common: PositiveInt = 1
    """Pairs with less in common are no neighbours."""
    asymmetry: float = Field(default=0.5, ge=0, le=1)
    """Share of the cosine's (and tfidf's) division that falls to the length of the vector whose neighbours are looked
    for: 0.5 is the plain cosine; less of it lets scored items (or users) with many events win more often."""

    @property
    def weighting(self) -> str:
        """The weight in use."""
        return self.weight or ("last" if self.similarity in RATED else "binary")

    def alike(self, population: Population, rows: csr_array) -> csr_array:
        """CSR float64[n, N], likeness of each row to the population by these settings."""
        return population.alike(
            rows,
            self.similarity,
            shrinkage=self.shrinkage,
            min_similarity=self.min_similarity,
            min_common=self.min_common,
            asymmetry=self.asymmetry,
        )


def _places(flat: csr_array, measure: Measure) -> Floats:
    """float64[D], what a measure must know about each place; empty where it needs nothing."""
    used = np.diff(flat.indptr)
    if measure == "adjusted_cosine":
        total = np.bincount(row_of(flat), weights=flat.data, minlength=flat.shape[0])
        mean: Floats = total / np.maximum(used, 1)
        return mean
    if measure in ("bm25", "tfidf"):
        rarity: Floats = np.log1p(flat.shape[1] / np.maximum(used, 1))
        return rarity
    return np.empty(0)


def _weighted(weight: Floats, place: Floats, size: Floats, mean_size: float, measure: Measure) -> Floats:
    """float64[nnz], weights as the measure sees them, given the rarity or mean of each place and the vector's size."""
    if measure == "adjusted_cosine":
        return weight - place
    if measure == "tfidf":
        return weight * place
    weight = np.maximum(weight, 0.0)  # fewer than no events is none
    length = np.maximum(size, 0.0)
    gain: Floats = saturated(weight, length, max(mean_size, 1e-12), k1=BM25_SATURATION, b=BM25_LENGTH)
    return place * gain


def _filled(matrix: csr_array, data: Floats) -> csr_array:
    """The same stored places with other values."""
    from scipy.sparse import csr_array

    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _values_at(matrix: csr_array, pattern: csr_array) -> Floats:
    """float64[nnz of pattern], the matrix at the places that `pattern` stores; a product may have dropped zeros."""
    matrix.sort_indices()
    if matrix.nnz == pattern.nnz:
        same: Floats = matrix.data
        return same
    width = pattern.shape[1]
    have = row_of(matrix) * width + matrix.indices
    out = np.zeros(pattern.nnz)
    out[np.searchsorted(row_of(pattern) * width + pattern.indices, have)] = matrix.data
    return out
