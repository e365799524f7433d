"""Losses over one positive and several negative logits per row; each gives one number per row.

A negative that must not count has logit -inf, and every loss here ignores it (value and gradient). `full_ce` needs no
negatives: it compares with the whole catalogue, a slab of logits at a time, and works out the gradient on the way, so
the logits of a batch are never held.
Papers: BPR (Rendle 2009), BPR-max (Hidasi and Karatzoglou 2018), gBCE (Petrov and Macdonald 2023), CCL (Mao et al.
2021), log Q correction (Bengio and Senecal 2008, Yi et al. 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

SLAB = 1 << 18
"""Logits worked on at a time: 1 MB, so that they stay in the cache of one core; a third faster than with 4 MB."""
LEAST_ROWS = 64
"""Rows worked on at a time at least, however many items there are: thinner products waste the processor."""


def bce(positive: Tensor, negative: Tensor, **_: Any) -> Tensor:
    """Binary cross-entropy: positive [N], negative [N, K] -> [N]."""
    return softplus(-positive) + softplus(negative).sum(1)


def gbce(positive: Tensor, negative: Tensor, *, n_items: int, calibration: float = 0.75, **_: Any) -> Tensor:
    """BCE whose positive part is raised to beta, which undoes the overconfidence that sampling causes.

    beta = a * (t * (1 - 1/a) + 1/a), with a = K / (n_items - 1) the sampling rate and t the calibration: 0 gives BCE,
    1 the loss whose scores are probabilities.
    """
    rate = min(1.0, negative.shape[1] / max(1, n_items - 1))
    beta = rate * (calibration * (1 - 1 / rate) + 1 / rate)
    return beta * softplus(-positive) + softplus(negative).sum(1)


def bpr(positive: Tensor, negative: Tensor, **_: Any) -> Tensor:
    """-log sigmoid of each gap, averaged over negatives."""
    return softplus(negative - positive.unsqueeze(1)).mean(1)


def bpr_max(positive: Tensor, negative: Tensor, *, bpr_reg: float = 1.0, **_: Any) -> Tensor:
    """BPR against a soft maximum of the negatives, with a penalty on large negative logits."""
    counts = torch.isfinite(negative)
    safe = negative.masked_fill(~counts, 0.0)
    weight = torch.softmax(negative.masked_fill(~counts, -1e9), dim=1) * counts
    gap = torch.sigmoid(positive.unsqueeze(1) - safe)
    return -torch.log((weight * gap).sum(1) + 1e-24) + bpr_reg * (weight * safe * safe).sum(1)


def sampled_ce(positive: Tensor, negative: Tensor, *, log_q: Tensor | None = None, **_: Any) -> Tensor:
    """Softmax over the positive and the negatives.

    With log Q [K] or [N, K] each negative stands for the items it was drawn for: its logit becomes s - log(K * Q). The
    positive is always there and not drawn, so it is not corrected.
    """
    if log_q is not None:
        negative = negative - (log_q + math.log(negative.shape[1]))
    return torch.logsumexp(torch.cat([positive.unsqueeze(1), negative], dim=1), dim=1) - positive


def ccl(positive: Tensor, negative: Tensor, *, margin: float = 0.4, negative_weight: float = 150.0, **_: Any) -> Tensor:
    """Cosine contrastive: pull the positive to 1, push negatives below the margin (logits are cosines)."""
    return (1 - positive) + negative_weight * torch.relu(negative - margin).mean(1)


LOSSES: Mapping[str, Callable[..., Tensor]] = {
    "bce": bce,
    "bpr": bpr,
    "bpr_max": bpr_max,
    "ccl": ccl,
    "gbce": gbce,
    "infonce": sampled_ce,
    "sampled_ce": sampled_ce,
}
"""Losses over sampled negatives; `ce` and `multinomial` look at every item and are functions of their own."""


class _FullCe(torch.autograd.Function):
    """Sum over rows of -log softmax(q W^T + b)[target], gradients worked out in the forward pass."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor) -> Tensor:
        wanted = [query.requires_grad, weight.requires_grad, bias is not None and bias.requires_grad]
        d_query = torch.empty_like(query) if wanted[0] else None
        d_weight = torch.zeros_like(weight) if wanted[1] else None
        d_bias = torch.zeros_like(bias) if wanted[2] and bias is not None else None
        total = query.new_zeros((), dtype=torch.float64)
        rows = max(LEAST_ROWS, SLAB // max(1, len(weight)))
        for start in range(0, len(query), rows):
            q, goal = query[start : start + rows], target[start : start + rows]
            logits = q @ weight.T if bias is None else torch.addmm(bias, q, weight.T)
            top = logits.amax(dim=1, keepdim=True)
            own = logits.gather(1, goal.unsqueeze(1))
            p = logits.sub_(top).exp_()
            norm = p.sum(dim=1, keepdim=True)
            total += (norm.log() + top - own).sum(dtype=torch.float64)
            p.div_(norm)
            p.scatter_add_(1, goal.unsqueeze(1), torch.full_like(own, -1.0))
            if d_query is not None:
                torch.mm(p, weight, out=d_query[start : start + rows])
            if d_weight is not None:
                d_weight.addmm_(p.T, q)
            if d_bias is not None:
                d_bias += p.sum(0)
        ctx.save_for_backward(*[d for d in (d_query, d_weight, d_bias) if d is not None])
        ctx.wanted = wanted
        return total.to(query.dtype)

    @staticmethod
    def backward(ctx: Any, *grad: Any) -> Any:
        saved = iter(ctx.saved_tensors)
        return (*(next(saved) * grad[0] if has else None for has in ctx.wanted), None)


def full_ce(query: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None = None) -> Tensor:
    """Cross-entropy against every item, summed over rows.

    Args:
        query: float[N, D].
        weight: float[M, D], one row per item.
        target: int64[N], rows of `weight`.
        bias: float[M] or None.
    """
    if query.device.type == "cpu" and query.dtype == torch.float32:
        out: Tensor = _FullCe.apply(query, weight, bias, target)  # type: ignore[no-untyped-call]
        return out
    logits = query @ weight.T if bias is None else torch.addmm(bias, query, weight.T)
    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="sum")


def multinomial(logits: Tensor, counts: Tensor) -> Tensor:
    """Log likelihood of a whole row of interactions: logits and counts [N, M] -> [N]."""
    return -(torch.log_softmax(logits, dim=1) * counts).sum(1)
