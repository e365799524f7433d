"""Sessions: the past is cut where the user paused; interest is worked out within each session and then across them.

Events of a session attend to each other and are averaged; an LSTM in both directions reads the sessions; the candidate
weighs the sessions before and after that.
Paper: Feng et al., "Deep Session Interest Network for Click-Through Rate Prediction", IJCAI 2019.
Cost: 12*D^2 multiply-adds per event of the sessions kept, 16*D^2 per session, all of it once per past.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from shortlist.models.neural.blocks.attention import AttentionLayer
from shortlist.models.neural.blocks.behaviour.past import Past, Reader, shares
from shortlist.models.neural.blocks.steps import both_ways, in_graph


class Sessions(NamedTuple):
    """The sessions of B pasts.

    Attributes:
        interest: [B, K, D], within each.
        context: [B, K, 2*D], read across them.
        real: bool[B, K], where there is one.
    """

    interest: Tensor
    context: Tensor
    real: Tensor


class SessionInterest(Reader):
    """What the sessions say about the candidate.

    Args:
        dim: D; a multiple of `heads`.
        gap_s: a longer pause ends a session.
        sessions: K, the latest ones that are read.
        length: T, the latest events read of each.
        heads: of the attention within a session.
        dropout: inside it.
    """

    def __init__(
        self, dim: int, *, gap_s: float, sessions: int = 5, length: int = 10, heads: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.gap_s, self.sessions, self.length, self.width = gap_s, sessions, length, 3 * dim
        self.of_session, self.of_place, self.of_unit = (
            nn.Parameter(torch.empty(n, dim).normal_(std=0.02)) for n in (sessions, length, 1)
        )
        self.within = AttentionLayer(
            dim, heads, causal=False, norm="post", hidden=4 * dim, activation="relu", dropout=dropout,
            attention_dropout=0.0,
        )  # fmt: skip
        self.across = nn.LSTM(dim, dim, batch_first=True, bidirectional=True)
        self.before, self.after = nn.Linear(dim, dim, bias=False), nn.Linear(dim, 2 * dim, bias=False)

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        read = self.once(past)
        return torch.cat(
            [
                _weighed(self.before(target), read.interest, read.real),
                _weighed(self.after(target), read.context, read.real),
            ],
            1,
        )

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        there = kept.real.unsqueeze(1)
        return torch.cat(
            [
                torch.bmm(shares(torch.bmm(asked, sessions.transpose(1, 2)), there), sessions)
                for asked, sessions in ((self.before(target), kept.interest), (self.after(target), kept.context))
            ],
            2,
        )

    def once(self, past: Past) -> Sessions:
        """See the package."""
        k, t = self.sessions, self.length
        x, mask = self.divided(past)
        b, d = x.shape[0], x.shape[-1]
        # Of the session, of the place in it and of each number of the vector: a bias each.
        x = x + self.of_session[:, None] + self.of_place + self.of_unit
        flat, there = x.reshape(b * k, t, d), mask.reshape(b * k, t)
        # A session without events looks at its first place, so that no softmax is over nothing; it is dropped below.
        seen = there | (~there.any(1, keepdim=True) & (torch.arange(t, device=x.device) == 0))
        read = self.within(flat, seen) * there.unsqueeze(-1)
        interest = (read.sum(1) / there.sum(1, keepdim=True).clamp(min=1)).view(b, k, d)
        real = mask.any(2)
        context = both_ways(self.across, interest, real) if in_graph() else self._packed(interest, real)
        return Sessions(interest, context, real)

    def _packed(self, interest: Tensor, real: Tensor) -> Tensor:
        length = real.sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(interest, length, batch_first=True, enforce_sorted=False)
        context: Tensor = pad_packed_sequence(self.across(packed)[0], batch_first=True, total_length=self.sessions)[0]
        return context

    def divided(self, past: Past) -> tuple[Tensor, Tensor]:
        """[B, K, T, D] and bool[B, K, T]: the latest sessions in time order, filled from the left, and their events.

        A session's latest event stands at place 0, the one before at 1.
        """
        b, length, d = past.x.shape
        k, t = self.sessions, self.length
        pause = torch.zeros_like(past.mask)
        pause[:, 1:] = (past.age[:, :-1] - past.age[:, 1:] > self.gap_s) & past.mask[:, 1:]
        number = pause.cumsum(1)
        last = number.masked_fill(~past.mask, 0).amax(1, keepdim=True)
        session = number - (last - k + 1).clamp(min=0)
        place = torch.arange(length, device=past.x.device)
        later = (number.unsqueeze(2) == number.unsqueeze(1)) & (place[:, None] < place) & past.mask.unsqueeze(1)
        from_end = later.sum(2)
        kept = past.mask & (session >= 0) & (from_end < t)
        slot = torch.where(kept, session * t + from_end, k * t)
        x = past.x.new_zeros(b, k * t + 1, d).scatter(1, slot.unsqueeze(-1).expand(-1, -1, d), past.x)
        mask = past.mask.new_zeros(b, k * t + 1).scatter(1, slot, kept)
        return x[:, :-1].view(b, k, t, d), mask[:, :-1].view(b, k, t)


def _weighed(asked: Tensor, sessions: Tensor, mask: Tensor) -> Tensor:
    weight = shares((sessions * asked.unsqueeze(1)).sum(-1), mask)
    return (weight.unsqueeze(-1) * sessions).sum(1)
