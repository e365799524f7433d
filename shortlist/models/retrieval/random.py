"""Random: the floor under every leaderboard.

Each item gets a number hashed from the request and the item's external id, so one request always gets one list, alone
or in a batch, and renumbering the catalogue changes nothing. Whatever cannot beat it has a bug.

Cost: 8 bytes per item; a few integer operations per cell.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig


class Config(ModelConfig):
    """Settings of `Random`: only the seed."""


class Random(CatalogueModel):
    """Uniform scores in [0, 1) from a hash of seed, request seed, user and item.

    Learned: `key_` uint64[M], hash of each external item id with the fit's seed.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Hash the item ids."""
        salt = int(ctx.seed).to_bytes(8, "little", signed=True)
        digests = b"".join(hashlib.blake2b(i.encode(), digest_size=8, salt=salt).digest() for i in data.items.ids)
        self.key_ = np.frombuffer(digests, "<u8").astype(np.uint64)

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M]; every item is a candidate for everybody, known or not."""
        request = _mixed(requests.seed.astype(np.uint64)) ^ requests.user.astype(np.int64).view(np.uint64)
        bits = _mixed(_mixed(request)[:, None] ^ self.key_)
        return (bits >> np.uint64(11)) * 2.0**-53


def _mixed(x: Array) -> Array:
    """The finaliser of splitmix64 (Steele et al., OOPSLA 2014): every input bit reaches every output bit."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = x ^ (x >> np.uint64(31))
    return mixed
