"""What `eges` is trained on: items of a walk predict those around them, against random items that a step shares.

Cost: (1 + negatives)*D multiply-adds per pair and pass; 32 bytes per item of a walk and place of the window.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Ints
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.objectives.losses import bce
from shortlist.models.neural.objectives.negatives import Popularity
from shortlist.models.neural.objectives.objective import accidental
from shortlist.models.neural.trainer import Batch


class MixedVectors(nn.Module):
    """Mixed vectors of centres and plain ones of contexts.

    Args:
        items: gives those of the centres.
        n: items that are contexts.
    """

    def __init__(self, items: ItemEncoder, n: int) -> None:
        super().__init__()
        self.items = items
        self.context = table(n + FIRST, items.dim, 0.0)


class Pairs:
    """Items of a walk predict those around them.

    Args:
        offsets: of the walks, with `tokens` their items.
        tokens: see above.
        counts: how often each token is a context, for drawing negatives.
        window: most places between two items that predict each other.
        negatives: random items per step.
        batch_size: pairs per step.
    """

    def __init__(
        self, offsets: Ints, tokens: Ints, counts: Tensor, *, window: int, negatives: int, batch_size: int
    ) -> None:
        self.centre, self.around = pairs(offsets, tokens, window)
        self.negatives, self.batch_size = Popularity(counts, 0.75, negatives), batch_size

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Pairs at random."""
        for rows in row_batches(len(self.centre), self.batch_size, rng):
            yield {"centre": torch.from_numpy(self.centre[rows]), "around": torch.from_numpy(self.around[rows])}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Binary cross-entropy against shared negatives, as many in weight as their number."""
        net: Any = module
        vectors, around = net.items(batch["centre"]), batch["around"]
        drawn = self.negatives.draw(around, generator)
        right = (vectors * net.context(around)).sum(1)
        wrong = (vectors @ net.context(drawn.ids).T).masked_fill(accidental(around, drawn.ids), -torch.inf)
        return bce(right, wrong).sum(), len(around)

    def validate(self, module: nn.Module) -> float | None:
        """Walks have no last event to ask for."""
        return None


def pairs(offsets: Ints, items: Ints, window: int) -> tuple[Ints, Ints]:
    """int64[P] centres and int64[P] their neighbours: all pairs of a walk at most `window` places apart."""
    walk = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    left, right = [], []
    for gap in range(1, window + 1):
        same = np.flatnonzero((walk[gap:] == walk[:-gap]) & (items[gap:] != items[:-gap]))
        left += [items[same], items[same + gap]]
        right += [items[same + gap], items[same]]
    return np.concatenate(left), np.concatenate(right)
