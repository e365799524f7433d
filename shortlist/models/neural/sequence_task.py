"""Tasks over sequences: predict the next item everywhere, or hidden items from both sides.

Validation asks for the event held back from each history, see `question`.
Cost: one pass of the network per batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Floats, History, Ints
from shortlist.models.history import distinct
from shortlist.models.neural.batches import Sequences, buckets, windows
from shortlist.models.neural.fields import FIRST, UNKNOWN
from shortlist.models.neural.objectives.objective import Objective
from shortlist.models.neural.objectives.targets import masked, next_item
from shortlist.models.neural.question import Question
from shortlist.models.neural.trainer import Batch


class NextItem:
    """Every event of a window predicts the one after it.

    Args:
        history: tokens to learn from, one row per user.
        objective: loss and negatives.
        max_len: longest input.
        batch_size: windows per step.
        with_time: whether the network gets the seconds between events.
        question: for validation, or None.
        every: whether long histories give several windows, or only their latest.
        spare: whose items are no negatives for the events of a window: nobody's, those of the window, or those of the
            whole history that it was cut from.
    """

    extra = 1
    """Events a window has beyond the input."""
    asks_with: int | None = None
    """A token appended to a history to ask for what follows."""

    def __init__(
        self, history: History, objective: Objective, *, max_len: int, batch_size: int, with_time: bool = False,
        question: Question | None = None, every: bool = True, spare: Literal["nobody", "window", "history"] = "nobody",
    ) -> None:  # fmt: skip
        self.objective, self.max_len, self.batch_size, self.with_time = objective, max_len, batch_size, with_time
        self.sequences: Sequences = windows(history, max_len + self.extra, least=2, every=every)
        self.question, self.spare = question, spare
        self.whole = distinct(history) if spare == "history" else None

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Windows of like length together."""
        for rows in buckets(self.sequences.lengths, self.batch_size, rng):
            yield self.batch_of(rows, *self.sequences.padded(rows))

    def batch_of(self, rows: Ints, tokens: Ints, seconds: Floats) -> Batch:
        """The windows with these rows, as padded tokens int64[b, L] and seconds float32[b, L], and whose they are."""
        batch = self.batch(torch.from_numpy(tokens), torch.from_numpy(seconds))
        if self.whole is not None:
            whole = self.whole.take(self.sequences.owner[rows])
            every = Sequences(whole.item, whole.at, whole.offsets, np.arange(len(rows)))
            batch["had"] = torch.from_numpy(every.padded(np.arange(len(rows)))[0])
        return batch

    def batch(self, tokens: Tensor, seconds: Tensor) -> Batch:
        """Input and what follows it."""
        out = {"tokens": tokens[:, :-1].contiguous(), "targets": tokens[:, 1:].contiguous()}
        # The last event of a window is a target only: as an input it would be a row without a question.
        out["tokens"] = out["tokens"] * (out["targets"] > 0)
        return {**out, "seconds": seconds[:, :-1].contiguous()} if self.with_time else out

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Summed over all events that have a next one."""
        return self._total(module, batch["tokens"], batch["targets"], batch.get("seconds"), generator, batch.get("had"))

    def validate(self, module: nn.Module) -> float | None:
        """Mean NDCG@10 of the events held back."""
        if self.question is None:
            return None
        net: Any = module
        device = next(module.parameters()).device
        asked = self.question.read.last(self.max_len - (self.asks_with is not None))
        inputs = Sequences(asked.item, asked.at, asked.offsets, np.arange(len(asked)))
        classes = net.output.known_table()
        if self.objective.normalise:
            classes = nn.functional.normalize(classes, dim=-1)

        def scores_of(rows: Ints) -> Tensor:
            tokens, seconds = ask(inputs, rows, self.asks_with)
            at = torch.from_numpy(seconds).to(device) if self.with_time else None
            scores = self.ask_scores(net, torch.from_numpy(tokens).to(device), at, classes, rows)
            return scores if net.bias is None else scores + net.bias[FIRST : FIRST + len(classes)]

        return self.question.ndcg(scores_of, np.argsort(inputs.lengths, kind="stable"))

    def ask_scores(self, net: Any, tokens: Tensor, at: Tensor | None, classes: Tensor, rows: Ints) -> Tensor:
        """Scores of a validation batch, [b, n_known], of the users with these rows of the question."""
        scores: Tensor = net.last(tokens, at) @ classes.T
        return scores

    def _total(
        self, module: nn.Module, tokens: Tensor, targets: Tensor, seconds: Tensor | None, generator: torch.Generator,
        had: Tensor | None = None,
    ) -> tuple[Tensor, int]:  # fmt: skip
        net: Any = module
        # Items that only the validation part knows have a token but no class.
        targets = targets.masked_fill(targets >= FIRST + net.output.n_known, 0)
        query, goal = next_item(net(tokens, seconds), targets)
        row = None
        if self.spare != "nobody":
            row = (targets >= FIRST).nonzero()[:, 0]
            had = torch.cat([tokens, targets], dim=1) if had is None else had
        return self.objective.total(query, goal, net.output, generator, bias=net.bias, had=had, row=row), len(goal)


class HiddenItem(NextItem):
    """Cloze: events are hidden at random and predicted from both sides; a hidden event at the end asks for the next.

    Args:
        share: of events hidden.
        last_share: of sequences in which only the latest event is hidden.
        options: as for `NextItem`.
    """

    extra = 0
    asks_with = UNKNOWN

    def __init__(
        self, history: History, objective: Objective, *, share: float, last_share: float, **options: Any
    ) -> None:
        super().__init__(history, objective, **options)
        self.share, self.last_share = share, last_share

    def batch(self, tokens: Tensor, seconds: Tensor) -> Batch:
        """Whole windows; places are hidden anew at every step."""
        return {"tokens": tokens, "seconds": seconds} if self.with_time else {"tokens": tokens}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Summed over hidden events."""
        holed, targets = masked(
            batch["tokens"], UNKNOWN, share=self.share, last_share=self.last_share, generator=generator
        )
        return self._total(module, holed, targets, batch.get("seconds"), generator)


def ask(inputs: Sequences, rows: Ints, asks_with: int | None) -> tuple[Ints, Any]:
    """Padded tokens and seconds of some histories, with the asking token after each if there is one."""
    tokens, seconds = inputs.padded(rows)
    if asks_with is None:
        return tokens, seconds
    tokens, seconds = np.pad(tokens, ((0, 0), (0, 1))), np.pad(seconds, ((0, 0), (0, 1)))
    at, row = inputs.lengths[rows], np.arange(len(rows))
    tokens[row, at] = asks_with
    seconds[row, at] = seconds[row, np.maximum(at - 1, 0)]
    return tokens, seconds
