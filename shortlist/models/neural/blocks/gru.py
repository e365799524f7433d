"""GRU: a recurrent state that reads one event after another.

Paper: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016.
Cost: 6*D*H multiply-adds per event and layer, one event after another, so long sequences use a processor badly.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout


class Gru(nn.Module):
    """Stacked GRU and a projection back to D.

    Args:
        dim: D.
        hidden: H, size of the state.
        layers: how many.
        dropout: between layers and after the last one.
    """

    def __init__(self, dim: int, *, hidden: int | None = None, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = hidden or dim
        self.cell = nn.GRU(dim, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.out = nn.Linear(hidden, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        state, _ = self.cell(x)
        y: Tensor = self.out(self.dropout(state))
        return y
