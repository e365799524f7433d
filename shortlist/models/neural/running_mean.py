"""A running mean of the weights: what is validated, kept and served instead of the weights of the last step.

Steps of a constant size leave weights jumping about a good place; their mean over the latest passes lies nearer to it
than any of them, so large steps and small batches cost less in the end. The mean starts after the first pass, counts
all since then alike while they are fewer than the horizon, and forgets exponentially from then on.
Papers: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; Izmailov et al., "Averaging
Weights Leads to Wider Optima and Better Generalization", UAI 2018.
Cost: one number per weight, and a pass over all weights sixteen times per pass over the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

MOVES = 16
"""Times per pass that the mean takes the weights in."""


class RunningMean(Optimizer):
    """Follows the weights. An optimiser by form alone, so that checkpoints keep it like the others.

    Args:
        params: weights to follow.
        passes: how many passes the mean looks back.
    """

    def __init__(self, params: Iterable[Tensor], passes: float) -> None:
        super().__init__(params, {"passes": passes})
        self.steps = 0
        """Since the beginning of the pass."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Note that the weights have moved."""
        self.steps += 1
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    continue
                length = int(state["length"])
                every = max(1, length // MOVES)
                if self.steps % every == 0:
                    state["moves"] += 1
                    share = -math.expm1(-every / (group["passes"] * length))
                    state["mean"].lerp_(p, max(share, 1.0 / (1.0 + float(state["moves"]))))

    @torch.no_grad()
    def end_pass(self) -> None:
        """The first pass tells how long one is; its last weights are where the mean starts."""
        for group in self.param_groups:
            for p in group["params"]:
                if not self.state[p]:
                    self.state[p] = {
                        "mean": p.detach().clone(),
                        "length": torch.tensor(float(max(1, self.steps))),
                        "moves": torch.zeros(()),
                    }
        self.steps = 0

    @torch.no_grad()
    def restart(self) -> None:
        """Begin again at the weights as they are."""
        for group in self.param_groups:
            for p in group["params"]:
                if self.state[p]:
                    self.state[p]["mean"].copy_(p)
                    self.state[p]["moves"].zero_()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the mean as its weights meanwhile."""
        followed = [p for group in self.param_groups for p in group["params"] if self.state[p]]
        own = [p.detach().clone() for p in followed]
        self.put()
        try:
            yield
        finally:
            with torch.no_grad():
                for p, before in zip(followed, own, strict=True):
                    p.copy_(before)

    @torch.no_grad()
    def put(self) -> None:
        """Give the network the mean for good."""
        for group in self.param_groups:
            for p in group["params"]:
                if self.state[p]:
                    p.copy_(self.state[p]["mean"])
