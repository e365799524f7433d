"""Target attention: how much each past event matters for one candidate.

DIN's unit: a small network looks at the event, the candidate, their difference and product, and the weights are NOT
normalised by softmax, so that how much interest there is stays visible. The history must hold neither the candidate nor
anything after it; that is the caller's business.
Paper: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.
Cost: 4*D*H multiply-adds per event and candidate; D*H where candidates share a history, because its part of the first
layer is worked out once.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.in_turns import in_turns


class Dice(nn.Module):
    """An activation that bends where the batch lies: p*x + (1 - p)*a*x with p a sigmoid of the normed x."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim, eps=1e-8, affine=False)
        self.slope = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] to [..., D]; a batch of one row uses the running figures, which always exist."""
        flat = x.reshape(-1, x.shape[-1])
        if not self.training and not torch.is_grad_enabled():
            return self._asked(x)
        if self.training and len(flat) > 1:
            normed = self.norm(flat)
        else:
            running = (self.norm.running_mean, self.norm.running_var)
            normed = nn.functional.batch_norm(flat, *running, eps=self.norm.eps)
        p = torch.sigmoid(normed).view(x.shape)
        y: Tensor = p * x + (1 - p) * self.slope * x
        return y

    def _asked(self, x: Tensor) -> Tensor:
        """As `forward` with the running figures, in half the passes: this is most of the work for a pair."""
        norm: Any = self.norm
        scale = torch.rsqrt(norm.running_var + norm.eps)
        p = torch.addcmul(-norm.running_mean * scale, x, scale).sigmoid_()
        return torch.addcmul(self.slope, p, 1 - self.slope).mul_(x)


class Weighed(NamedTuple):
    """R histories, and the first layer of the weighing network as a function of the candidate alone.

    Attributes:
        x: [R, L, D].
        mask: bool[R, L].
        slope: [R, D, L*H].
        offset: [R, 1, L*H].
    """

    x: Tensor
    mask: Tensor
    slope: Tensor
    offset: Tensor


class TargetAttention(nn.Module):
    """Weighted sum of a history for each candidate.

    Args:
        dim: D of events and candidates.
        hidden: sizes of the weighing network.
        softmax: whether weights are normalised to one.
    """

    def __init__(self, dim: int, *, hidden: tuple[int, ...] = (64, 32), softmax: bool = False) -> None:
        super().__init__()
        self.softmax = softmax
        sizes = (4 * dim, *hidden)
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts += [nn.Linear(before, after), Dice(after)]
        self.weigh = nn.Sequential(*parts, nn.Linear(sizes[-1], 1))

    def forward(self, x: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """History [B, L, D] with mask and candidates [B, D] to [B, D]; an empty history gives zero."""
        there = target.unsqueeze(1).expand_as(x)
        if self.training:
            # Only events: padding must not move the figures that the activations learn of their inputs.
            found = self._weight(x[mask], there[mask])
            weight = x.new_zeros(mask.shape, dtype=found.dtype).masked_scatter(mask, found)
        else:
            weight = self._weight(x, there)
        if self.softmax:
            weight = torch.softmax(weight.masked_fill(~mask, -1e9), dim=1)
        y: Tensor = ((weight * mask).unsqueeze(-1) * x).sum(1)
        return y

    def once(self, x: Tensor, mask: Tensor) -> Weighed:
        """The histories [R, L, D] made ready for `each`.

        The first layer is linear in event, candidate, difference and product, so for a given event it is linear in the
        candidate: (W_t - W_d + W_p * e) t + (W_e + W_d) e.
        """
        first: Any = self.weigh[0]
        of_event, of_target, of_difference, of_product = first.weight.chunk(4, 1)
        slope = (of_target - of_difference) + of_product * x.unsqueeze(2)
        offset = nn.functional.linear(x, of_event + of_difference, first.bias)
        return Weighed(x, mask, slope.flatten(1, 2).transpose(1, 2), offset.flatten(1).unsqueeze(1))

    def each(self, kept: Weighed, target: Tensor) -> Tensor:
        """Candidates [R, C, D] to [R, C, D], as `forward` gives them."""
        _, *further = self.weigh

        def weights(some: Tensor) -> Tensor:
            y = torch.baddbmm(kept.offset, some, kept.slope)
            y = y.view(*y.shape[:2], kept.mask.shape[1], -1)
            for layer in further:
                y = layer(y)
            return y.squeeze(-1)

        weight, there = in_turns(weights, target, kept.offset.numel()), kept.mask.unsqueeze(1)
        if self.softmax:
            weight = torch.softmax(weight.masked_fill(~there, -1e9), dim=2)
        return torch.bmm(weight * there, kept.x)

    def _weight(self, x: Tensor, target: Tensor) -> Tensor:
        weight: Tensor = self.weigh(torch.cat([x, target, x - target, x * target], dim=-1)).squeeze(-1)
        return weight
