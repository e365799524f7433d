"""Negatives: items to compare a target with, and the log of how likely each draw was.

Every sampler gives ids and log Q, because a loss that treats frequent draws like rare ones learns the sampler instead
of the user. Negatives are shared by the whole batch unless a sampler says otherwise: one matrix product on a CPU
instead of a gather per row.
Cost: k draws per batch, or per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from shortlist.core.errors import BadConfig
from shortlist.models.neural.fields import FIRST


@dataclass(frozen=True)
class Drawn:
    """Negatives of one batch.

    Attributes:
        ids: int64[K], shared by all rows, or int64[N, K].
        log_q: float, same shape; log of the chance that one draw gives that id.
    """

    ids: Tensor
    log_q: Tensor


class Negatives(Protocol):
    """A sampler."""

    needs_log_q: bool

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """Negatives for a batch with these targets, int64[N]."""
        ...


class Uniform:
    """Every item of the training part is as likely.

    Args:
        n_items: tokens 2..n_items+1.
        k: draws.
        per_row: own draws for each target instead of shared ones.
    """

    needs_log_q = False

    def __init__(self, n_items: int, k: int, *, per_row: bool = False) -> None:
        self.n_items, self.k, self.per_row = n_items, k, per_row

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """See the protocol."""
        shape = (len(positives), self.k) if self.per_row else (self.k,)
        ids = torch.randint(FIRST, FIRST + self.n_items, shape, generator=generator).to(positives.device)
        return Drawn(ids, torch.full(shape, -float(torch.tensor(float(self.n_items)).log()), device=ids.device))


class Popularity:
    """Items are drawn by events^power.

    Args:
        counts: float[n], training events of tokens 2...
        power: 0 is uniform, 1 proportional.
        k: draws.
        per_row: own draws for each target instead of shared ones.
    """

    needs_log_q = True

    def __init__(self, counts: Tensor, power: float, k: int, *, per_row: bool = False) -> None:
        weight = counts.double().clamp(min=0) ** power * (counts > 0)
        self.share = weight / weight.sum()
        self.cumulative = self.share.cumsum(0)
        self.k, self.per_row = k, per_row

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """See the protocol."""
        shape = (len(positives), self.k) if self.per_row else (self.k,)
        at = torch.rand(shape, generator=generator, dtype=torch.float64)
        place = torch.searchsorted(self.cumulative, at, right=True).clamp(max=len(self.share) - 1)
        log_q = self.share[place].log().float()
        return Drawn((place + FIRST).to(positives.device), log_q.to(positives.device))


class InBatch:
    """The targets of the other rows. Frequent items are drawn as often as they occur, so log Q is mandatory.

    Args:
        counts: float[n], how often tokens 2.. are a target in the training stream (not in the catalogue).

    Raises:
        BadConfig: without counts.
    """

    needs_log_q = True

    def __init__(self, counts: Tensor | None) -> None:
        if counts is None:
            raise BadConfig(
                "In-batch negatives need the events per item for their log Q correction.",
                hint="Give the counts of the training stream, or take uniform negatives.",
                field="negative_sampling",
            )
        self.log_q = (counts.double().clamp(min=1e-9) / counts.sum()).log().float()

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """See the protocol."""
        return Drawn(positives, self.log_q.to(positives.device)[positives - FIRST])


class Mixed:
    """In-batch negatives and drawn ones together, as draws of one mixture.

    Args:
        in_batch: the first.
        other: a sampler of shared negatives whose chances are known for every item.
        log_q_of: float[n], log chance of tokens 2.. under `other`.
    """

    needs_log_q = True

    def __init__(self, in_batch: InBatch, other: Negatives, log_q_of: Tensor) -> None:
        self.in_batch, self.other, self.log_q_of = in_batch, other, log_q_of

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """See the protocol; log Q is that of the mixture, by the share of draws from each part."""
        own, more = self.in_batch.draw(positives, generator), self.other.draw(positives, generator)
        ids = torch.cat([own.ids, more.ids])
        share = len(own.ids) / len(ids)
        part = self.in_batch.log_q.to(ids.device)[ids - FIRST].exp() * share
        rest = self.log_q_of.to(ids.device)[ids - FIRST].exp() * (1 - share)
        return Drawn(ids, (part + rest).log())


def make_negatives(
    kind: str, n_items: int, k: int, counts: Tensor | None, *, power: float = 0.75, per_row: bool = False
) -> Negatives | None:
    """A sampler by name: full (none), uniform, popularity, in_batch, mixed.

    Raises:
        BadConfig: in-batch negatives without counts; a name that does not exist.
    """
    if kind == "full":
        return None
    if kind == "uniform":
        return Uniform(n_items, k, per_row=per_row)
    if kind == "in_batch":
        return InBatch(counts)
    if kind == "popularity" and counts is not None:
        return Popularity(counts, power, k, per_row=per_row)
    if kind == "mixed":
        uniform = torch.full((n_items,), -float(torch.tensor(float(n_items)).log()))
        return Mixed(InBatch(counts), Uniform(n_items, k), uniform)
    raise BadConfig(
        f"Negatives '{kind}' cannot be drawn here.",
        hint="Use full, uniform, popularity (with counts), in_batch or mixed.",
        field="negative_sampling",
    )
