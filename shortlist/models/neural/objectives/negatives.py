"""Negatives: items to compare a target with, and the log of how likely each draw was.

Every sampler gives ids and log Q, because a loss that treats frequent draws like rare ones learns the sampler instead
of the user. Negatives are shared by the whole batch unless a sampler says otherwise: one matrix product on a CPU
instead of a gather per row.
Cost: k draws per batch, or per row; hard ones also a product of k states with all items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

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
        return Drawn(ids, self.chance(ids, len(own.ids) / len(ids)).log())

    def chance(self, ids: Tensor, share: float) -> Tensor:
        """float, shape of `ids`: how likely a draw gives each id where this share of the draws is in-batch."""
        part = self.in_batch.log_q.to(ids.device)[ids - FIRST].exp() * share
        rest = self.log_q_of.to(ids.device)[ids - FIRST].exp() * (1 - share)
        return part + rest


class Hard:
    """In-batch and uniform negatives, and items that the model itself ranks high for some rows of the batch.

    A mined row ranks all items by the current weights, without its target and what it had; the first `margin` are left
    out, since among them are the items it will want next, and one of the `pool` after them is drawn. Draws are shared
    by the batch like all others. Log Q is that of the whole mixture, counted over the pools they came from: an item
    that stands in many pools is a frequent draw and counts less. So the loss still estimates the softmax over all items
    and hard negatives lower its noise at the top; they do not tilt it.

    Args:
        mixed: draws the easy part, whose chances are above zero for every item.
        n_items: tokens 2..n_items+1.
        k: hard draws, and most rows that are mined for them.
        margin: best-ranked items that are no negatives.
        pool: ranked items after them to draw from.
        refresh: steps for which item vectors are ranked by before they are worked out anew.
    """

    needs_log_q = True

    def __init__(self, mixed: Mixed, n_items: int, k: int, *, margin: int, pool: int, refresh: int) -> None:
        self.mixed, self.n_items, self.k = mixed, n_items, k
        self.margin, self.pool, self.refresh = margin, pool, refresh
        self.new_pass()

    def new_pass(self) -> None:
        """Forget the vectors: a pass must not depend on where the one before it stopped."""
        self.vectors: Tensor | None = None
        self.age = 0
        self.pools, self.room = torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)

    @torch.no_grad()
    def mine(
        self,
        query: Tensor,
        target: Tensor,
        table: Callable[[], Tensor],
        generator: torch.Generator,
        *,
        bias: Tensor | None = None,
        had: Tensor | None = None,
        row: Tensor | None = None,
    ) -> None:
        """Rank all items for at most `k` rows of the batch.

        Args:
            query: float[N, D], states.
            target: int64[N].
            table: gives float[n_items, D], vectors of tokens 2...
            generator: picks the rows.
            bias: float[n_items] or None.
            had: int64[N, H], tokens of each row that are no negatives for it (0 = none); int64[S, H] with `row`.
            row: int64[N], the sequence of each row, or None.
        """
        if self.vectors is None or self.age >= self.refresh:
            self.vectors, self.age = table().detach().clone(), 0
        self.age += 1
        rows = torch.randperm(len(query), generator=generator)[: self.k].to(query.device)
        scores = (query[rows].detach() @ self.vectors.T).float()
        if bias is not None:
            scores = scores + bias
        own = target[rows].unsqueeze(1)
        barred = own if had is None else torch.cat([own, had[rows if row is None else row[rows]]], dim=1)
        place = barred - FIRST
        inside = (place >= 0) & (place < self.n_items)
        # Whatever has no class is written into a column beside the classes, which is cut off again.
        scores = torch.nn.functional.pad(scores, (0, 1))
        scores.scatter_(1, torch.where(inside, place, self.n_items), -torch.inf)
        top = scores[:, : self.n_items].topk(min(self.n_items, self.margin + self.pool), dim=1)
        room = (top.values[:, self.margin :] > -torch.inf).sum(1)
        self.pools, self.room = top.indices[room > 0, self.margin :], room[room > 0]

    def draw(self, positives: Tensor, generator: torch.Generator) -> Drawn:
        """See the protocol; without pools (a catalogue no longer than the margin) only the easy part."""
        easy = self.mixed.draw(positives, generator)
        if len(self.pools) == 0:
            return easy
        n = len(easy.ids) + self.k
        device = positives.device
        row = torch.arange(self.k, device=device) % len(self.pools)
        at = (torch.rand(self.k, generator=generator).to(device) * self.room[row]).long()
        ids = torch.cat([easy.ids, self.pools[row, at] + FIRST])
        each = torch.bincount(row, minlength=len(self.pools)) / (n * self.room)
        there = torch.arange(self.pools.shape[1], device=device) < self.room.unsqueeze(1)
        hard = torch.zeros(self.n_items, device=device)
        hard.index_add_(0, self.pools.flatten(), (each.unsqueeze(1) * there).flatten())
        rest = self.mixed.chance(ids, len(positives) / len(easy.ids)) * (len(easy.ids) / n)
        return Drawn(ids, (rest + hard[ids - FIRST]).log())


def make_negatives(
    kind: str,
    n_items: int,
    k: int,
    counts: Tensor | None,
    *,
    power: float = 0.75,
    per_row: bool = False,
    hard: Mapping[str, Any] | None = None,
) -> Negatives | None:
    """A sampler by name: full (none), uniform, popularity, in_batch, mixed, hard.

    Args:
        kind: its name.
        n_items: tokens 2..n_items+1.
        k: draws beside those of the batch.
        counts: float[n_items], training events of tokens 2.., or None.
        power: of popularity.
        per_row: own draws for each target, where the sampler can.
        hard: of hard, `share` of the `k` draws and what `Hard` takes.

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
    if kind in ("mixed", "hard"):
        options = {"share": 0.2, "margin": 20, "pool": 200, "refresh": 50, **(hard or {})}
        # At least one draw of each kind: without uniform ones an item that is never drawn would never be pushed.
        mined = min(max(1, round(k * options.pop("share"))), max(1, k - 1)) if kind == "hard" else 0
        uniform = torch.full((n_items,), -float(torch.tensor(float(n_items)).log()))
        mixed = Mixed(InBatch(counts), Uniform(n_items, max(1, k - mined)), uniform)
        return mixed if kind == "mixed" else Hard(mixed, n_items, mined, **options)
    raise BadConfig(
        f"Negatives '{kind}' cannot be drawn here.",
        hint="Use full, uniform, popularity (with counts), in_batch, mixed or hard.",
        field="negative_sampling",
    )
