"""What multi-interest models share: several vectors per request, the best of which gives a score.

A list is the union of one search per interest, each item at its best interest, which is exactly the ranking by the
largest product. In training the interest that fits the wanted item answers for it; every window gives a few cuts, each
with the events before it as history and the event at it as the target.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.types import Array, Candidates, Floats, History, Hits, Requests
from shortlist.models.base import ModelConfig
from shortlist.models.dense import dot_rows, row_products
from shortlist.models.history import latest_session, within
from shortlist.models.neural.batches import buckets
from shortlist.models.neural.blocks.multi_interest import label_aware
from shortlist.models.neural.fields import FIRST, PADDING
from shortlist.models.neural.sequence_encoder import SequenceEncoder
from shortlist.models.neural.sequence_task import NextItem
from shortlist.models.neural.trainer import Batch
from shortlist.models.products import best_products
from shortlist.models.sequential.base import Loss, SequenceConfig, SequenceModel
from shortlist.models.topk import as_hits, threads_for

BLOCK = 256
"""Requests encoded and searched at once."""


class InterestConfig(SequenceConfig):
    """Settings of models with several interests."""

    interests: int = Field(default=4, ge=1, le=64)
    """Most interests of a user, K."""
    power: float | None = Field(default=None, ge=0)
    """Sharpness with which the wanted item picks its interest in training; None takes the best fitting alone."""
    cuts: int = Field(default=8, ge=1)
    """Places of a window, drawn anew per epoch, that are predicted from what came before them."""
    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""
    batch_size: int = Field(default=32, ge=1)
    """Windows per step."""


class InterestEncoder(SequenceEncoder):
    """A sequence encoder whose block gives K vectors."""

    def forward(self, tokens: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, K, D]; interests a user does not have are zero."""
        mask = tokens != PADDING
        x = self.dropout(self.items(tokens)) * mask.unsqueeze(-1)
        interests: Tensor = self.block(x, mask, None)
        return interests

    def last(self, tokens: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, K, D], the same."""
        out: Tensor = self(tokens, dt)
        return out


class Cuts(NextItem):
    """A few events of each window are predicted from what came before them."""

    cuts = 8
    power = float("inf")

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Every window several times, cut at places of its own."""
        lengths = self.sequences.lengths
        for rows in buckets(lengths, self.batch_size, rng):
            tokens, _ = self.sequences.padded(rows)
            each = np.repeat(np.arange(len(rows)), self.cuts)
            cut = 1 + (rng.random(len(each)) * (lengths[rows][each] - 1)).astype(np.int64)
            before = np.arange(tokens.shape[1]) < cut[:, None]
            read = np.where(before, tokens[each], PADDING)[:, : int(cut.max())]
            yield {"tokens": torch.from_numpy(read), "targets": torch.from_numpy(tokens[each, cut])}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Summed over cuts; the interest that fits the target answers."""
        net: Any = module
        goal = batch["targets"]
        keep = (goal >= FIRST) & (goal < FIRST + net.output.n_known)
        tokens, goal = batch["tokens"][keep], goal[keep]
        if len(goal) == 0:
            return batch["tokens"].sum() * 0.0, 0
        query = label_aware(net(tokens), net.output(goal), power=self.power)
        had = None if self.spare == "nobody" else tokens
        return self.objective.total(query, goal, net.output, generator, bias=net.bias, had=had), len(goal)

    def ask_scores(self, net: Any, tokens: Tensor, at: Tensor | None, classes: Tensor, rows: Any) -> Tensor:
        """The best interest's."""
        interests = net.last(tokens)
        scores = interests @ classes.T
        scores = scores.masked_fill(~(interests != 0).any(-1, keepdim=True), -torch.inf)
        best: Tensor = scores.amax(dim=1)
        return best


class InterestModel(SequenceModel):
    """Several vectors per request. Subclasses give a block [B, L, D] -> [B, K, D].

    Learned: see `SequenceModel`.
    """

    Config: ClassVar[type[ModelConfig]] = InterestConfig
    kind_of_task: ClassVar[type[NextItem]] = Cuts
    encode_requests: Any = None
    """One vector per request there is not, so no index stands in for the search; see `encode_interests`."""

    def restore(self) -> SequenceEncoder:
        """The network with fresh weights."""
        c = self.config
        output = None if c.tied else self.items()
        return InterestEncoder(
            self.items(),
            self.block(),
            max_len=c.max_len,
            positions="none",
            dropout=c.dropout,
            norm=False,
            output=output,
        )

    def task(self, history: History, question: Any) -> NextItem:
        """What is trained."""
        task: Any = super().task(history, question)
        task.cuts = self.config.cuts
        task.power = float("inf") if self.config.power is None else self.config.power
        return task  # type: ignore[no-any-return]

    # --- answering ---------------------------------------------------------------------------------------------------

    def encode_interests(self, requests: Requests) -> Floats:
        """float64[B, K, D], the interests of each request, each encoded by itself; zero where there are fewer."""
        out = np.zeros((len(requests), self.config.interests, self.item_factors_.shape[1]))
        module: Any = self.module_
        with torch.inference_mode():
            for b in range(len(requests)):
                one = within(requests.history.take(np.array([b])), self.known_)
                one = latest_session(one, self.config.session_gap_s).last(self.config.max_len)
                if len(one.item):
                    tokens = torch.from_numpy(self._tokens(one).item[None, :])
                    out[b] = module(tokens)[0].numpy()
        return out

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], the largest product over interests; NaN for items and requests nothing is known of."""
        out = np.full((len(requests), self.n_items_), np.nan, np.float32)
        for b, interests in enumerate(self.encode_interests(requests)):
            has = interests[interests.any(axis=1)]
            if len(has):
                each = np.empty((len(has), self.n_items_), np.float32)
                dot_rows(has, self.item_factors_, each)
                out[b] = each.max(axis=0)
        out[:, ~self.known_] = np.nan
        return out

    def score_rows(self, requests: Requests, candidates: Candidates) -> Array:
        """float32[N], as `score_block`, for the given rows alone."""
        every = self.encode_interests(requests)
        out = np.full(len(candidates), np.nan, np.float32)
        for k in range(every.shape[1]):
            one = np.ascontiguousarray(every[:, k])
            out = np.fmax(out, row_products(one, self.item_factors_, self.known_, candidates.row, candidates.item))
        return out

    def retrieve(
        self, requests: Requests, k: int, *, exclude: History | None = None, threads: int | None = None
    ) -> Hits:
        """The union of one search per interest, each item once at its best; see `CatalogueModel.retrieve`."""
        self.require_fitted()
        catalogue = self._catalogue()
        rows, items, scores = [], [], []
        for start in range(0, len(requests), BLOCK):
            part = np.arange(start, min(start + BLOCK, len(requests)))
            interests = self.encode_interests(requests.take(part))
            n, many, _ = interests.shape
            owner = np.repeat(np.arange(n), many)
            ban = None if exclude is None else exclude.take(part[owner])
            flat = interests.reshape(n * many, -1)
            found = as_hits(*best_products(flat, catalogue, k, exclude=ban, threads=threads_for(n, threads)))
            rows.append(start + owner[found.row])
            items.append(found.item)
            scores.append(found.score)
        row, item, score = (np.concatenate(parts) if parts else np.empty(0) for parts in (rows, items, scores))
        return union(row.astype(np.int64), item.astype(np.int64), score.astype(np.float32), k)


def union(row: Array, item: Array, score: Array, k: int) -> Hits:
    """Hits of several searches as one list per request: each item at its best score, the best `k`, ties by item."""
    order = np.lexsort((-score, item, row))
    row, item, score = row[order], item[order], score[order]
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    row, item, score = row[first], item[first], score[first]
    order = np.lexsort((item, -score, row))
    row, item, score = row[order], item[order], score[order]
    start = np.r_[0, np.flatnonzero(np.diff(row)) + 1] if len(row) else np.empty(0, np.int64)
    place = np.arange(len(row)) - np.repeat(start, np.diff(np.r_[start, len(row)])) if len(row) else np.empty(0)
    keep = place < k
    return Hits(row[keep].astype(np.int32), item[keep], score[keep])
