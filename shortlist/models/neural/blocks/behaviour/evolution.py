"""Interest evolution: a GRU reads the past, and a second one follows only what concerns the candidate.

The second GRU's update gate is scaled by the attention of each state (AUGRU). An auxiliary loss makes each state of the
first tell the next event from one that did not happen. Input products of all steps are one product, so a step is a
product of D x 3D and a few element-wise operations.
Paper: Zhou et al., "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019.
Cost: 12*D^2 multiply-adds per event, one event after another: several times the time of attention alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import Past, Reader, shares


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
        state = x.new_zeros(x.shape[0], x.shape[2])
        moves = (weight * mask).unsqueeze(-1)
        for read, move in zip(self.inputs(x).unbind(1), moves.unbind(1), strict=True):
            of_input, of_state = read.chunk(3, -1), self.states(state).chunk(3, -1)
            update = torch.sigmoid(of_input[0] + of_state[0]) * move
            reset = torch.sigmoid(of_input[1] + of_state[1])
            new = torch.tanh(of_input[2] + reset * of_state[2])
            state = torch.lerp(state, new, update)
        return state


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
        states: Tensor = self.extract(past.x)[0]
        return states

    def evolved(self, states: Tensor, past: Past, target: Tensor) -> Tensor:
        """[B, D], from the states."""
        logit = (self.fit(states) * target.unsqueeze(1)).sum(-1)
        y: Tensor = self.evolve(states, shares(logit, past.mask), past.mask)
        return y


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
