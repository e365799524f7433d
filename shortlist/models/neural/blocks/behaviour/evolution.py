"""Interest evolution: a GRU reads the past, and a second one follows only what concerns the candidate.

The second GRU's update gate is scaled by the attention of each state (AUGRU). An auxiliary loss makes each state of the
first tell the next event from one that did not happen. Input products of all steps are one product, so a step is a
product of D x 3D and a few element-wise operations.
Paper: Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019.
Cost: 12*D^2 multiply-adds per event, one event after another: several times the time of attention alone. Candidates
that share a past share the first GRU and what the second reads of it, 9*D^2 of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import Past, Reader, shares
from shortlist.models.neural.blocks.steps import gru, in_graph, walked


class Augru(nn.Module):
    """A GRU whose update gate is multiplied by a weight per event.

    Args:
        dim: D of inputs and of the state.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inputs, self.states = nn.Linear(dim, 3 * dim), nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor, weight: Tensor, mask: Tensor) -> Tensor:
        """[B, L, D], weights and mask [B, L], to the last state [B, D]; no state moves in the padding."""
        inputs, moves = self.inputs(x), weight * mask
        if in_graph():
            steps = (inputs.transpose(0, 1), moves.transpose(0, 1).unsqueeze(-1))
            return walked(lambda state, given: (self._next(*state, *given),), (x[:, 0] * 0.0,), steps)[0][0]
        return self.followed(inputs.unbind(1), moves)

    def followed(self, inputs: tuple[Tensor, ...], moves: Tensor) -> Tensor:
        """The last state [..., D].

        Args:
            inputs: what the gates read of each of L events, [..., 3*D].
            moves: [..., L], how far the state moves at each.
        """
        state = moves.new_zeros(*moves.shape[:-1], inputs[0].shape[-1] // 3)
        for read, move in zip(inputs, moves.unsqueeze(-1).unbind(-2), strict=True):
            state = self._next(state, read, move)
        return state

    def _next(self, state: Tensor, read: Tensor, move: Tensor) -> Tensor:
        d, of_state = state.shape[-1], self.states(state)
        update, reset = torch.sigmoid(read[..., : 2 * d] + of_state[..., : 2 * d]).chunk(2, -1)
        new = torch.tanh(read[..., 2 * d :] + reset * of_state[..., 2 * d :])
        return torch.lerp(state, new, update * move)


class Extracted(NamedTuple):
    """What R pasts say whoever is asked about.

    Attributes:
        fit: [R, L, D], what a candidate is held against.
        inputs: [R, L, 3*D], what the second GRU reads of the states.
        mask: bool[R, L].
    """

    fit: Tensor
    inputs: Tensor
    mask: Tensor


class InterestEvolution(Reader):
    """States of a GRU, attention of the candidate over them, and the AUGRU's last state.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.width = dim
        self.extract = nn.GRU(dim, dim, batch_first=True)
        self.fit = nn.Linear(dim, dim, bias=False)
        self.evolve = Augru(dim)

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        return self.evolved(self.states(past), past, target)

    def states(self, past: Past) -> Tensor:
        """[B, L, D], the interest after each event."""
        states: Tensor = gru(self.extract, past.x) if in_graph() else self.extract(past.x)[0]
        return states

    def evolved(self, states: Tensor, past: Past, target: Tensor) -> Tensor:
        """[B, D], from the states."""
        logit = (self.fit(states) * target.unsqueeze(1)).sum(-1)
        y: Tensor = self.evolve(states, shares(logit, past.mask), past.mask)
        return y

    def once(self, past: Past) -> Any:
        """See the package."""
        states = self.states(past)
        return Extracted(self.fit(states), self.evolve.inputs(states), past.mask)

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        there = kept.mask.unsqueeze(1)
        weight = shares(torch.bmm(target, kept.fit.transpose(1, 2)), there)
        return self.evolve.followed(kept.inputs.unsqueeze(2).unbind(1), weight * there)


def next_event_loss(states: Tensor, past: Past, negative: Tensor, known: Tensor) -> Tensor:
    """Log loss of telling each next event from a negative, mean over a row's steps, summed over rows.

    Args:
        states: [B, L, D].
        past: the events.
        negative: [B, L, D], for each event one that did not take its place.
        known: bool[B, L], where there is such a negative.
    """
    before, there = states[:, :-1], past.mask[:, 1:]
    yes = nn.functional.softplus(-(before * past.x[:, 1:]).sum(-1)) * there
    no = nn.functional.softplus((before * negative[:, 1:]).sum(-1)) * (there & known[:, 1:])
    return ((yes + no).sum(1) / there.sum(1).clamp(min=1)).sum()
