"""Self-attention: every event looks at the others, or only at earlier ones.

Pre-norm adds to a clean residual stream and trains deep stacks; post-norm is the original transformer. With a bias of
places an event also knows how far back another lies, the same number wherever in the sequence the two stand.
Paper: Vaswani et al., "Attention Is All You Need", NeurIPS 2017; Kang and McAuley, "Self-Attentive Sequential
Recommendation", ICDM 2018; for the bias Raffel et al., "Exploring the Limits of Transfer Learning", JMLR 2020.
Cost: (4*D^2 + 2*D*F) multiply-adds per event and layer for a feed-forward size F, and 2*L*D for looking; L^2 numbers
per sequence and layer are held where there is a bias.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.relative_bias import PlaceBias


class SelfAttention(nn.Module):
    """Multi-head attention over a right-padded sequence.

    Args:
        dim: D; must be a multiple of `heads`.
        heads: how many.
        causal: whether an event sees only itself and earlier ones.
        dropout: of attention weights; makes the kernel slower, so 0 unless needed.
        places: distances told apart by a learned bias, further ones sharing the last; 0 is no bias. Causal only.
    """

    def __init__(self, dim: int, heads: int = 1, *, causal: bool = True, dropout: float = 0.0, places: int = 0) -> None:
        super().__init__()
        assert causal or not places, "a bias of places looks back"
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.place = PlaceBias(places) if places else None

    @torch.no_grad()
    def start_as_mean(self) -> None:
        """Begin as a mean of what is read, an event `age` places back weighing 1 / (1 + age). Needs `places`."""
        assert self.place is not None
        dim = self.out.in_features
        self.place.weight.copy_(-torch.log1p(torch.arange(len(self.place.weight), dtype=torch.float32)))
        self.qkv.bias.zero_()
        self.qkv.weight[:dim].zero_()
        nn.init.eye_(self.qkv.weight[2 * dim :])
        nn.init.eye_(self.out.weight)
        self.out.bias.zero_()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[B, L, D] to [B, L, D]."""
        b, length, d = x.shape
        q, k, v = self.qkv(x).view(b, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        # Padding stands on the right: the causal mask already hides it from every real event.
        seen = None if self.causal else mask[:, None, None, :]
        if self.place is not None:
            later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
            seen = self.place(length).masked_fill(later, -math.inf)
        y = nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=seen,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=seen is None,
        )
        out: Tensor = self.out(y.transpose(1, 2).reshape(b, length, d))
        return out


class AttentionLayer(nn.Module):
    """Attention and feed-forward, each with residual and norm."""

    def __init__(
        self, dim: int, heads: int, *, causal: bool, norm: str, hidden: int, activation: str, dropout: float,
        attention_dropout: float, places: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm = norm
        self.look = SelfAttention(dim, heads, causal=causal, dropout=attention_dropout, places=places)
        act: nn.Module = nn.GELU() if activation == "gelu" else nn.ReLU()
        self.feed = nn.Sequential(nn.Linear(dim, hidden), act, Dropout(dropout), nn.Linear(hidden, dim))
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-8), nn.LayerNorm(dim, eps=1e-8)
        self.dropout = Dropout(dropout)

    def closing(self) -> tuple[nn.Module, ...]:
        """The projections whose results are added to the residual stream."""
        return self.look.out, self.feed[-1]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[B, L, D] to [B, L, D]."""
        if self.norm == "pre":
            x = x + self.dropout(self.look(self.norm1(x), mask))
            out: Tensor = x + self.dropout(self.feed(self.norm2(x)))
            return out
        x = self.norm1(x + self.dropout(self.look(x, mask)))
        y: Tensor = self.norm2(x + self.dropout(self.feed(x)))
        return y


class Attention(nn.Module):
    """A stack of attention layers.

    Args:
        dim: D; a multiple of `heads`.
        layers: how many.
        heads: per layer.
        causal: whether events see earlier ones only.
        norm: "pre" or "post".
        hidden: feed-forward size; None = 4*D.
        activation: "relu" or "gelu".
        dropout: after attention and inside the feed-forward part.
        attention_dropout: of attention weights.
        places: see `SelfAttention`.
    """

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 2,
        heads: int = 1,
        causal: bool = True,
        norm: Literal["pre", "post"] = "pre",
        hidden: int | None = None,
        activation: Literal["relu", "gelu"] = "gelu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        places: int = 0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            AttentionLayer(
                dim, heads, causal=causal, norm=norm, hidden=hidden or 4 * dim, activation=activation, dropout=dropout,
                attention_dropout=attention_dropout, places=places,
            )
            for _ in range(layers)
        )  # fmt: skip

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        for layer in self.layers:
            x = layer(x, mask)
        return x
