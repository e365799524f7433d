"""What embedders share: fit on a catalogue's texts, encode any text, say who they are, save without pickle.

An embedder gives every text a row of float32; a text without a word gives zeros, which every reader takes as "no
vector here". `identity` names the embedder and everything that changes its vectors, so that a cache never mixes two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from shortlist.core.config import Config
from shortlist.core.errors import NotFitted, StageError
from shortlist.core.types import Floats
from shortlist.models.saving import Saved


class EmbedderConfig(Config):
    """Settings common to all embedders."""


class Embedder(Saved):
    """Texts to vectors. Subclasses set `Config` and implement `encode`, and `fit` if they learn anything.

    Learned attributes end in `_` and are what `save` writes.
    """

    Config: ClassVar[type[EmbedderConfig]] = EmbedderConfig
    learns: ClassVar[bool] = False
    """Whether `fit` is needed before `encode`."""
    noun: ClassVar[str] = "embedder"

    def __init__(self, **config: Any) -> None:
        self.config = self.Config.parse(config, where=f"embedder '{type(self).__name__}'")

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from a catalogue's texts; embedders that come trained have nothing to do."""
        return self

    def encode(self, texts: Sequence[str]) -> Floats:
        """float32[n, d], one row per text; zeros for texts without a word.

        Raises:
            NotFitted: an embedder that learns was not fitted.
        """
        raise StageError(f"{type(self).__name__} does not implement encode().")

    @property
    def identity(self) -> str:
        """A short name of the embedder, its settings and what it learned: equal names give equal vectors."""
        digest = hashlib.sha256(json.dumps(self.config.model_dump(mode="json"), sort_keys=True).encode())
        for name, value in sorted(self.learned().items()):
            digest.update(name.encode())
            digest.update(value.tobytes() if hasattr(value, "tobytes") else json.dumps(value).encode())
        return f"{type(self).__name__}-{digest.hexdigest()[:16]}"

    def require_fitted(self) -> None:
        """Raises: NotFitted if the embedder learns and has not."""
        if self.learns and not self.learned():
            raise NotFitted(f"{type(self).__name__} is not fitted yet.", hint="Call fit(texts) first.")
