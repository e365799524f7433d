"""Latent thinking: let the network look at its own last state a few more times before it answers.

After the sequence the last state is appended as a further event, with a vector that says "thought number n", and the
block runs again; the answer at each place may so use k extra steps of computation.
Paper: Tang et al., "Think Before Recommend: Unleashing the Latent Reasoning Power for Sequential Recommendation", 2025.
Cost: k more passes of the wrapped block over L + k events.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LatentThink(nn.Module):
    """A causal block with k thoughts after the latest event.

    Args:
        block: any causal sequence block.
        dim: D.
        steps: k thoughts; 0 is the block itself.
    """

    def __init__(self, block: nn.Module, dim: int, *, steps: int = 2) -> None:
        super().__init__()
        self.block, self.steps = block, steps
        self.thought = nn.Parameter(torch.empty(steps, dim).normal_(std=0.02))

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, L, D] to [B, L, D]; only the latest event's state has been thought over."""
        y: Tensor = self.block(x, mask, dt)
        if self.steps == 0:
            return y
        row = torch.arange(len(x), device=x.device)
        last = (mask.sum(1) - 1).clamp(min=0)
        state = y[row, last]
        for step in range(self.steps):
            # Written into the padding right after the latest event, so that batches of mixed lengths work.
            x = nn.functional.pad(x, (0, 0, 0, 1)).index_put((row, last + 1 + step), state + self.thought[step])
            mask = nn.functional.pad(mask, (0, 1)).index_put((row, last + 1 + step), torch.ones_like(row).bool())
            if dt is not None:
                dt = nn.functional.pad(dt, (0, 1)).index_put((row, last + 1 + step), dt[row, last])
            state = self.block(x, mask, dt)[row, last + 1 + step]
        return y.index_put((row, last), state)
