"""node2vec: `deepwalk` whose walks prefer to stay near, or to go far.

At p and q of 1 each step follows the links by their weight alone. A q below 1 leads away from where the walk came from,
so items of one role come close; above 1 it stays in the neighbourhood, so items of one community do. A small p turns
back often. Sessions are cut at pauses and links are weighted by how often one item followed another, as in `deepwalk`.

Paper: Grover and Leskovec, "node2vec: Scalable Feature Learning for Networks", KDD 2016.
Defaults: p and q are the pair from the middle of the paper's grid that keeps walks local; other settings are those of
`deepwalk`. Cost: that of `deepwalk`, and a search among the neighbours of the item before for each choice of a step.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveFloat

from shortlist.models.base import ModelConfig
from shortlist.models.retrieval.deepwalk import Config as DeepWalkConfig
from shortlist.models.retrieval.deepwalk import DeepWalk


class Config(DeepWalkConfig):
    """Settings of `Node2Vec`."""

    p: PositiveFloat = 1.0
    """A step back to where the walk came from is weighted by 1 / p."""
    q: PositiveFloat = 2.0
    """A step to an item that is not linked to where the walk came from is weighted by 1 / q."""


class Node2Vec(DeepWalk):
    """Skip-gram over biased random walks.

    Learned: see `SkipGramModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config
