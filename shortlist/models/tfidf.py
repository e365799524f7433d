"""TF-IDF: texts as sparse unit vectors, fitted on a catalogue and applicable to any later text.

Weight of a term = its count in the text times ln((1 + n) / (1 + df)) + 1, each row scaled to length one, so a dot
product is a cosine. Plain numpy and SciPy; a text without a known term becomes an empty row.
Cost: 12 bytes per distinct term of a text, and a Python pass over the words: about a second per million.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from shortlist.core.types import Floats, offsets_of
from shortlist.models.sparse import row_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Alphabet = Literal["ascii", "unicode"]

WORDS: Mapping[str, re.Pattern[str]] = {"ascii": re.compile(r"[a-z0-9]+"), "unicode": re.compile(r"\w+")}


@dataclass(frozen=True)
class Tfidf:
    """A fitted vocabulary.

    Attributes:
        terms: V of them, sorted.
        idf: float64[V].
        sublinear: whether a count c weighs 1 + ln c instead of c.
        alphabet: what a word is made of: a-z and digits, or any letters.
    """

    terms: Sequence[str]
    idf: Floats
    sublinear: bool = False
    alphabet: Alphabet = "ascii"

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        min_df: int = 1,
        max_features: int | None = None,
        sublinear: bool = False,
        alphabet: Alphabet = "ascii",
    ) -> Self:
        """Choose terms and weigh them.

        Args:
            texts: one per item; those without a word are not counted as texts.
            min_df: terms in fewer texts are left out.
            max_features: keep only so many terms, those in most texts first, ties by alphabet.
            sublinear: dampen repeated terms.
            alphabet: what a word is made of.
        """
        found: Counter[str] = Counter()
        n = 0
        for text in texts:
            words = set(WORDS[alphabet].findall(text.lower()))
            found.update(words)
            n += bool(words)
        frequent = sorted((term for term in found if found[term] >= min_df), key=lambda term: (-found[term], term))
        terms = sorted(frequent[:max_features])
        df = np.array([found[term] for term in terms], np.float64)
        return cls(terms, np.log((1.0 + n) / (1.0 + df)) + 1.0, sublinear, alphabet)

    def transform(self, texts: Sequence[str]) -> csr_array:
        """CSR float64[n, V] with rows of length one; columns sorted, unknown terms ignored."""
        from scipy.sparse import csr_array

        columns: list[int] = []
        counts: list[int] = []
        lengths: list[int] = []
        for text in texts:
            known = Counter(self._column[w] for w in WORDS[self.alphabet].findall(text.lower()) if w in self._column)
            row = sorted(known)
            columns.extend(row)
            counts.extend(known[column] for column in row)
            lengths.append(len(row))
        column = np.array(columns, np.int64)
        weight = np.array(counts, np.float64)
        weight = (1.0 + np.log(weight) if self.sublinear else weight) * self.idf[column]
        indptr = offsets_of(np.array(lengths, np.int64))
        return unit_rows(csr_array((weight, column, indptr), shape=(len(texts), len(self.terms))))

    @cached_property
    def _column(self) -> Mapping[str, int]:
        return {term: column for column, term in enumerate(self.terms)}


def unit_rows(matrix: csr_array) -> csr_array:
    """The rows scaled to Euclidean length one; empty rows stay empty."""
    from scipy.sparse import csr_array

    norm = np.sqrt(np.bincount(row_of(matrix), weights=matrix.data**2, minlength=matrix.shape[0]))
    scale = np.where(norm > 0, norm, 1.0)
    return csr_array((matrix.data / scale[row_of(matrix)], matrix.indices, matrix.indptr), shape=matrix.shape)
