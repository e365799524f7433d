"""How alike two sparse vectors are: cosine, Jaccard, or Pearson over what both rated.

One kernel serves item neighbours (vectors over users) and user neighbours (vectors over items): it compares a block of
rows with a whole population through sparse products, so its memory is the number of pairs that share anything.
Pearson follows Resnick et al., "GroupLens", CSCW 1994: means are taken over the common entries only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from shortlist.core.types import Floats
from shortlist.models.sparse import keep_stored, row_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Measure = Literal["cosine", "jaccard", "pearson"]


@dataclass(frozen=True)
class Population:
    """The vectors to compare with, turned so that products are fast.

    Attributes:
        flat: CSR float64[D, N], the weights; column n is vector n.
        binary: the same places, all ones; the same object where the weights are all ones anyway.
        square: the same places, squared weights.
        norm: float64[N], Euclidean length of each vector.
        size: float64[N], entries of each vector.
        low: smallest weight, taken off before Pearson so that large offsets cost no precision.
        span: largest minus smallest weight, at least a tiny number.
    """

    flat: csr_array
    binary: csr_array
    square: csr_array
    norm: Floats
    size: Floats
    low: float
    span: float

    @classmethod
    def of(cls, flat: csr_array, measure: Measure) -> Self:
        """Prepare the N columns of CSR float64[D, N] for one measure."""
        low = float(flat.data.min()) if flat.nnz else 0.0
        span = max(float(flat.data.max()) - low, 1e-12) if flat.nnz else 1.0
        if measure == "pearson":
            # Between one and two: no stored zero can vanish from a product, and sums of squares stay small.
            flat = _filled(flat, 1.0 + (flat.data - low) / span)
        plain = bool((flat.data == 1.0).all())
        binary = flat if plain else _filled(flat, np.ones(flat.nnz))
        square = flat if plain else _filled(flat, flat.data**2)
        n = flat.shape[1]
        norm = np.sqrt(np.bincount(square.indices, weights=square.data, minlength=n))
        return cls(flat, binary, square, norm, np.bincount(flat.indices, minlength=n).astype(np.float64), low, span)

    def alike(
        self, rows: csr_array, measure: Measure, *, shrinkage: float, min_similarity: float, min_common: int
    ) -> csr_array:
        """CSR float64[n, N], the similarity of each row to every vector that shares something with it.

        Args:
            rows: CSR float64[n, D] in the population's weights.
            measure: cosine, jaccard or pearson.
            shrinkage: similarity is multiplied by c / (c + shrinkage) for c common entries.
            min_similarity: values at or below are left out.
            min_common: pairs with fewer common entries are left out.
        """
        ones = _filled(rows, np.ones(rows.nnz))
        common = ones @ self.binary
        common.sort_indices()
        count = common.data
        if measure == "cosine":
            value = self._cosine(rows, common)
        elif measure == "jaccard":
            sizes = np.diff(rows.indptr)[row_of(common)] + self.size[common.indices]
            value = count / (sizes - count)
        else:
            value = self._pearson(rows, ones, common)
        value = value * (count / (count + shrinkage)) if shrinkage else value
        return keep_stored(_filled(common, value), (value > min_similarity) & (count >= min_common))

    def _cosine(self, rows: csr_array, common: csr_array) -> Floats:
        mine = np.sqrt(np.bincount(row_of(rows), weights=rows.data**2, minlength=rows.shape[0]))
        scale = mine[row_of(common)] * self.norm[common.indices]
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
