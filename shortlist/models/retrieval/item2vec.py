"""item2vec: vectors of items that occur close together in people's sessions.

Each user's events, cut at long pauses if asked for, are sessions, and skip-gram with negative sampling learns a vector
per item from who stands near whom. Small, fast to serve and good for "similar items" and as input to other models; for
what comes next `trails` is better, and `deepwalk` reaches items that never shared a session.

Paper: Barkan and Koenigstein, "Item2Vec: Neural Item Embedding for Collaborative Filtering", MLSP 2016.
Defaults: window, epochs and decay were chosen on the validation events of MovieLens 100K: of windows 5, 10, 20 and 10
or 20 epochs the longest of both; 40 epochs take twice the time for no clear gain. No other setting was searched there.
Cost: see `_skipgram`; ten to twenty seconds for 100,000 events at the defaults. Not for histories of a single event.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.retrieval._skipgram import SkipGramConfig, SkipGramModel, sessions


class Config(SkipGramConfig):
    """Settings of `Item2Vec`."""

    session_gap_s: PositiveFloat | None = None
    """A longer pause in seconds (or in the data's own clock) starts a new session; None takes whole histories."""


class Item2Vec(SkipGramModel):
    """Skip-gram over sessions.

    Learned: see `SkipGramModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def sequences(self, data: Dataset, past: History, ctx: FitContext) -> tuple[Ints, Ints]:
        """Everybody's sessions."""
        return sessions(past, self.config.session_gap_s), past.item
