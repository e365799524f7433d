"""The network of rankers of several tasks: vectors, a body that gives logits, and a finish that makes one per task.

Cost: that of the body.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shortlist.models.neural.field_net import FieldNet
from shortlist.models.neural.fields import FIRST, UNKNOWN, Schema


class TaskNet(FieldNet):
    """Vectors, a body that gives K logits per row, and a finish that makes T of them.

    Args:
        schema: fitted.
        body: ([B, F, D], int64[B] or None) to [B, K], or to that and a charge.
        finish: [B, K] to [B, T]; may have a `penalty`.
        balance: of the losses, see `neural.balance`.
        dim: D.
        scale: of the start of vectors.
        outputs: K.
        scenario: name of the field that holds the scenario, or "".
        hide: share of rows whose scenario is hidden while training.
    """

    def __init__(
        self, schema: Schema, body: nn.Module, finish: nn.Module, balance: nn.Module, *, dim: int, scale: float,
        outputs: int, scenario: str, hide: float,
    ) -> None:  # fmt: skip
        super().__init__(schema, body, dim=dim, scale=scale, linear=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.finish, self.balance = finish, balance
        self.scenario, self.hide = scenario, hide

    def forward(self, columns: Mapping[str, Tensor]) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Returns: logits [B, T], the squared length of all vectors read, and while training the mean charge."""
        assert self.vectors is not None
        assert self.head is not None
        if self.training and self.scenario and self.hide > 0:
            codes = columns[self.scenario]
            hidden = torch.rand(codes.shape, device=codes.device) < self.hide
            columns = {**columns, self.scenario: codes.masked_fill(hidden, UNKNOWN)}
        vectors = self.vectors(columns)
        slot = slot_of(columns[self.scenario]) if self.scenario else None
        found = self.head(vectors, slot)
        own, charges = found if isinstance(found, tuple) else (found, 0.0)
        logit: Tensor = self.finish(own + self.bias)
        squares = vectors.square().sum()
        if not self.training:
            return logit, squares
        rule = getattr(self.finish, "penalty", None)
        return logit, squares, logit.new_zeros(()) + charges + (0.0 if rule is None else rule(logit))


def slot_of(codes: Tensor) -> Tensor:
    """Number of the scenario: 0 nobody's (missing or not in the training rows), from 1 in the order of labels."""
    return (codes - FIRST + 1).clamp_min(0)
