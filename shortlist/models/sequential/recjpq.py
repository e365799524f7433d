"""RecJPQ: SASRec whose item table is a few small tables; every item is a short code into them.

Codes come from the interactions: the items' places along each singular direction, cut into equally full buckets. The
table shrinks from M*D to codes*D numbers, which matters from about a million items on.

Paper: Petrov and Macdonald, "RecJPQ: Training Large-Catalogue Sequential Recommenders", WSDM 2024.
Cost: one truncated SVD, then that of `sasrec`; 8*splits bytes of codes per item.
When not: catalogues whose table fits in memory: sharing numbers between items costs some quality.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.warm_start import directions
from shortlist.models.sequential.sasrec import Config as SasRecConfig
from shortlist.models.sequential.sasrec import SasRec


class Config(SasRecConfig):
    """Settings of `RecJpq`."""

    splits: int = Field(default=8, ge=1, le=128)
    """Parts of a code; must divide `factors`."""
    buckets: int = Field(default=256, ge=2, le=65_536)
    """Values of each part."""


class RecJpq(SasRec):
    """Transformer decoder over coded items.

    Learned: see `SequenceModel`; `codes_` int64[n_known + 2, splits], 0 for padding.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {**SasRec.contract_settings, "splits": 4, "buckets": 8}
    codes_: Ints

    def item_codes(self) -> Array | None:
        """The codes of all tokens."""
        return self.codes_

    def _read(self, data: Dataset, past: History) -> None:
        if self.config.factors % self.config.splits:
            raise BadConfig("The splits must divide the factors.", hint="Use splits=8 with factors=64.", field="splits")
        super()._read(data, past)
        self.codes_ = balanced_codes(
            past.row, self.token_[past.item] - FIRST, len(past), self.n_known_, self.config.splits, self.config.buckets
        )


def balanced_codes(user: Ints, item: Ints, n_users: int, n_items: int, splits: int, buckets: int) -> Ints:
    """Codes by quantiles along the singular directions of who did what.

    Returns:
        int64[n_items + 2, splits]; padding has code 0, unknown 1, items 2 and above, all buckets equally full.
    """
    found = directions(user, item, n_users, n_items, splits)
    codes = np.zeros((n_items + FIRST, splits), np.int64)
    codes[1] = 1
    place = np.tile(np.arange(n_items), (splits, 1)).astype(np.float64)
    place[: found.shape[1]] = found.T
    for m in range(splits):
        order = np.argsort(place[m], kind="stable")
        codes[FIRST + order, m] = FIRST + np.arange(n_items) * min(buckets, n_items) // max(1, n_items)
    return codes
