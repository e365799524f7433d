"""The network of `mult_vae`: a history through a narrow code and back to chances of all items.

Cost: 4*n*hidden flops per user, there and back; 8*n*hidden bytes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout


class VaeNet(nn.Module):
    """Histories float[B, n] to logits of all items.

    Args:
        n_items: n.
        hidden: size of the layers.
        factors: length of the code.
        dropout: share of the input that is hidden.
        denoising: whether the code is a point instead of a Gaussian.
    """

    def __init__(self, n_items: int, hidden: int, factors: int, dropout: float, denoising: bool) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.read = nn.Linear(n_items, hidden)
        self.code = nn.Linear(hidden, factors if denoising else 2 * factors)
        self.back = nn.Linear(factors, hidden)
        self.answer = nn.Linear(hidden, n_items)
        self.denoising = denoising

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, n] and the divergence from the prior [B]."""
        code = self.code(torch.tanh(self.read(self.dropout(nn.functional.normalize(x, dim=1)))))
        if self.denoising:
            return self.answer(torch.tanh(self.back(code))), x.new_zeros(len(x))
        mean, log_variance = code.chunk(2, dim=1)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        return self.answer(torch.tanh(self.back(drawn))), divergence

    def user(self, x: Tensor) -> Tensor:
        """[B, hidden], what the last layer multiplies: by the mean of the code."""
        code = self.code(torch.tanh(self.read(nn.functional.normalize(x, dim=1))))
        mean = code if self.denoising else code.chunk(2, dim=1)[0]
        out: Tensor = torch.tanh(self.back(mean))
        return out
