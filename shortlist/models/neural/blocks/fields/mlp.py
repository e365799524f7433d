"""Multi-layer perceptron: the deep half of most click models. Cost: the products of neighbouring widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fields.shapes import Norm
from shortlist.models.neural.blocks.target_attention import Dice
from shortlist.models.neural.halves import Halves, linear

ACTIVATIONS: Mapping[str, Callable[[int], nn.Module]] = {
    "relu": lambda size: nn.ReLU(),
    "prelu": nn.PReLU,
    "dice": Dice,
}
"""What bends a layer of so many units."""


class Mlp(nn.Module):
    """Linear, activation, dropout, layer by layer.

    Args:
        width: h of the input; fields are flattened first.
        hidden: widths of the layers.
        dropout: share hidden after each layer.
        norm: batch norm before each activation.
        logit: whether a last layer gives one number per row.
        activation: of `ACTIVATIONS`.
    """

    def __init__(
        self, width: int, hidden: Sequence[int], *, dropout: float = 0.0, norm: bool = False, logit: bool = True,
        activation: str = "relu",
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        for size in hidden:
            bend = ACTIVATIONS[activation](size)
            layers += [nn.Linear(width, size), *([Norm(size)] if norm else []), bend, Dropout(dropout)]
            width = size
        if logit:
            layers.append(nn.Linear(width, 1))
        self.layers, self.logit, self.width = nn.Sequential(*layers), logit, width

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to [B], or to [B, last width]."""
        y: Tensor = self.layers(x.flatten(1))
        return y.squeeze(1) if self.logit else y

    def halves(self, x: Halves) -> Tensor:
        """As `forward`; the request's part of the first layer once."""
        first = self.layers[0] if len(self.layers) else None
        if not isinstance(first, nn.Linear):
            y: Tensor = self(x.whole())
            return y
        y = linear(first, x)
        for layer in list(self.layers)[1:]:
            y = layer(y)
        return y.squeeze(1) if self.logit else y
