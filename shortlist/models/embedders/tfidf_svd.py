"""TF-IDF and SVD: texts as places in the space of the words a catalogue uses together.

Words are weighed by their rarity and the leading singular directions kept (latent semantic analysis), so two texts
without a common word are near when their words occur in the same company. Nothing to download and the same vectors on
every machine; it knows only what the catalogue's own texts say.

Paper: Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990; randomised decomposition as in `pure_svd`.
Cost: a Python pass over the words, then 20*nnz*d flops; memory 4*V*d bytes for V words.
When not: a handful of texts, or texts in several languages: take a trained sentence model (`minilm`, `endpoint`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from shortlist.core.types import Floats
from shortlist.models.embedders.base import Embedder, EmbedderConfig
from shortlist.models.retrieval.pure_svd import leading
from shortlist.models.words import Alphabet, WordVectors

START = 0x5D
"""Seed of the decomposition's random start: vectors must not depend on the run."""


class Config(EmbedderConfig):
    """Settings of `TfidfSvd`."""

    dim: int = Field(default=64, ge=1, le=4096)
    """Directions kept, d; the rest stay zero where there are fewer texts or words."""
    min_df: int = Field(default=1, ge=1)
    """Words in fewer texts are left out."""
    max_features: int | None = Field(default=50_000, ge=1)
    """Most words kept, those in most texts first."""
    sublinear: bool = True
    """A word that stands c times in a text counts 1 + ln c instead of c."""
    alphabet: Alphabet = "unicode"
    """What a word is made of: "ascii" (a-z and digits) or "unicode" (letters of any script)."""


class TfidfSvd(Embedder):
    """Latent semantic analysis.

    Learned: `terms_` V words; `idf_` float64[V]; `axes_` float32[V, d].
    """

    Config: ClassVar[type[EmbedderConfig]] = Config
    learns: ClassVar[bool] = True

    terms_: list[str]
    idf_: Floats
    axes_: Floats

    def fit(self, texts: Sequence[str]) -> Self:
        """Choose words, weigh them and find the directions. Catalogues without a word give zero vectors."""
        c = self.config
        words = WordVectors.fit(
            texts, min_df=c.min_df, max_features=c.max_features, sublinear=c.sublinear, alphabet=c.alphabet
        )
        self.terms_, self.idf_ = list(words.terms), words.idf
        self.axes_ = np.zeros((len(self.terms_), c.dim), np.float32)
        matrix = words.transform(texts)
        d = min(c.dim, *matrix.shape)
        if d and matrix.nnz:
            _, axes = leading(matrix, d, 4, 10, np.random.default_rng(START))
            self.axes_[:, :d] = axes
        return self

    def encode(self, texts: Sequence[str]) -> Floats:
        """float32[n, d], of length one; zeros for texts without a known word."""
        self.require_fitted()
        c = self.config
        words = WordVectors(self.terms_, self.idf_, sublinear=c.sublinear, alphabet=c.alphabet)
        out = np.asarray(words.transform(texts) @ self.axes_.astype(np.float64))
        length = np.sqrt((out**2).sum(axis=1, keepdims=True))
        # What is left of a text outside the kept directions is rounding, and must not be blown up to a vector.
        unit: Floats = np.where(length > 1e-6, out / np.maximum(length, 1e-6), 0.0).astype(np.float32)
        return unit
