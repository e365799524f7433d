"""What the body of a network of several tasks has to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shortlist.models.neural.fields import Field

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """What the body of a network has to fit.

    Attributes:
        fields: F of them, in the order of their vectors.
        dim: D, numbers per vector.
        outputs: K, logits per row.
        slots: scenarios and nobody's; 1 where there are none.
    """

    fields: tuple[Field, ...]
    dim: int
    outputs: int
    slots: int

    @property
    def width(self) -> int:
        """F * D."""
        return len(self.fields) * self.dim


def told(slot: Tensor | None) -> Tensor:
    """The scenario of each row, which these networks are always told."""
    assert slot is not None
    return slot
