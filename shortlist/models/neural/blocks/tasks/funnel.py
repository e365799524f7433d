"""Funnels: steps that each presuppose the one before, so that their chances multiply.

A step's own logit says how likely it is once the step before has happened. The chance of the whole way there is the
product, which is learned from all rows and not only from those that got that far. Here products stay logits, exactly:
1 - s(a) s(b) over s(a) s(b) is exp(-a) + exp(-b) + exp(-a-b).

Papers: Ma et al., "Entire Space Multi-Task Model", SIGIR 2018; Wen et al., "Entire Space Multi-Task Modeling via
Post-Click Behavior Decomposition", SIGIR 2020. Cost: nothing beside the network's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


def product_logit(a: Tensor, b: Tensor) -> Tensor:
    """Logit of s(a) * s(b)."""
    return -torch.logsumexp(torch.stack([-a, -b, -a - b]), 0)


class Chain(nn.Module):
    """Own logits of T steps, each given the one before, to logits of the way from the start."""

    def forward(self, own: Tensor) -> Tensor:
        """[B, T] to [B, T]; a step is never likelier than the one before."""
        reached = [own[:, 0]]
        for step in range(1, own.shape[1]):
            reached.append(product_logit(reached[-1], own[:, step]))
        return torch.stack(reached, 1)


class TwoWays(nn.Module):
    """Click, then an action such as "into the basket", then the purchase, which may also come without the action.

    Own logits: click; action after a click; purchase after the action; purchase after a click without it.
    """

    def forward(self, own: Tensor) -> Tensor:
        """[B, 4] to [B, 3]: click, click and action, click and purchase."""
        click, action, with_, without = own.unbind(1)
        did, did_not = logsigmoid(action), logsigmoid(-action)
        bought = torch.logaddexp(did + logsigmoid(with_), did_not + logsigmoid(without))
        left = torch.logaddexp(did + logsigmoid(-with_), did_not + logsigmoid(-without))
        return torch.stack([click, product_logit(click, action), product_logit(click, bought - left)], 1)
