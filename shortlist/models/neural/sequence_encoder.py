"""The sequence encoder: items, positions, a block; one state per event, the last of which is the user.

Positions are counted from the latest event by default, so a history means the same whatever is padded around it and
however long it is. The same item encoder reads the input and gives the classes of the output unless `output` is given.
Cost: that of the block.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.fields import PADDING
from shortlist.models.neural.item_encoder import ItemEncoder


class SequenceEncoder(nn.Module):
    """Tokens [B, L], padded right, to states [B, L, D].

    Args:
        items: encoder of the input, and of the output without `output`.
        block: see `blocks`.
        max_len: longest sequence.
        positions: whether learned vectors tell places apart: counted from the latest event ("end"), from the first
            ("start"), or not at all ("none").
        dropout: on the input.
        scale: factor on item vectors before positions are added.
        norm: whether states are normed at the end.
        output: an item encoder of its own for the output.
        with_bias: whether every item has a learned bias in its score.
    """

    def __init__(
        self,
        items: ItemEncoder,
        block: nn.Module,
        *,
        max_len: int,
        positions: Literal["end", "start", "none"] = "end",
        dropout: float = 0.0,
        scale: float = 1.0,
        norm: bool = True,
        output: ItemEncoder | None = None,
        with_bias: bool = False,
    ) -> None:
        super().__init__()
        self.items, self.block = items, block
        self.own_output = output
        self.max_len, self.counted, self.scale = max_len, positions, scale
        self.place = nn.Parameter(torch.empty(max_len, items.dim).normal_(std=0.02)) if positions != "none" else None
        self.dropout = Dropout(dropout)
        self.norm: nn.Module = nn.LayerNorm(items.dim, eps=1e-8) if norm else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(items.n_tokens)) if with_bias else None

    @property
    def output(self) -> ItemEncoder:
        """The encoder whose vectors states are compared with."""
        return self.items if self.own_output is None else self.own_output

    def forward(self, tokens: Tensor, dt: Tensor | None = None) -> Tensor:
        """States of all events. Args: tokens int64[B, L], L <= max_len; dt float[B, L] or None."""
        mask = tokens != PADDING
        x = self.items(tokens) * self.scale
        if self.place is not None:
            at = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
            if self.counted == "end":
                at = (mask.sum(1, keepdim=True) - 1 - at).clamp(min=0)
            x = x + self.place[at]
        x = self.dropout(x) * mask.unsqueeze(-1)
        y: Tensor = self.norm(self.block(x, mask, dt))
        return y

    def last(self, tokens: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, D], the state of each sequence's latest event; every sequence needs one."""
        states = self(tokens, dt)
        at = ((tokens != PADDING).sum(1) - 1).clamp(min=0)
        last: Tensor = states[torch.arange(len(tokens), device=tokens.device), at]
        return last
