"""How the losses of several tasks become one: fixed weights, or weights that follow the training.

Equal weights are hard to beat and cost nothing. The others look at the losses (`uncertainty`) or at what each loss does
to the weights that several tasks share (`gradnorm`, `pcgrad`, `pareto`), which costs one more backward pass per task.

Papers: Kendall et al., "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018; Chen et al., "GradNorm",
ICML 2018; Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020; Lin et al., "A Pareto-Efficient
Algorithm for Multiple Objective Optimization in E-Commerce Recommendation" (PE-LTR), RecSys 2019.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Floats

ALPHA = 1.5
"""How strongly GradNorm pulls tasks that learn slowly: 0 makes all gradients alike, whatever the pace."""


class Fixed(nn.Module):
    """The losses times published weights, added up.

    Args:
        weights: of each task.
        least: smallest share of the weight that any task keeps, where weights are found while training.
    """

    weights: Tensor

    def __init__(self, weights: Sequence[float], least: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32), persistent=False)
        self.least = least

    def forward(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """One loss of [T], whose gradient is what training should follow.

        Args:
            losses: [T], each with its graph.
            module: the network, for those that look at its gradients.
            generator: source of draws.
        """
        return self.combined(losses * self.weights, module, generator)

    def combined(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """As `forward`, of weighted losses."""
        return losses.sum()


class Uncertainty(Fixed):
    """Each loss over a learned variance, plus its logarithm: noisy tasks count less."""

    def __init__(self, weights: Sequence[float], least: float = 0.0) -> None:
        super().__init__(weights, least)
        self.log_variance = nn.Parameter(torch.zeros(len(weights)))

    def combined(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """May be negative."""
        return (torch.exp(-self.log_variance) * losses + 0.5 * self.log_variance).sum()


class GradNorm(Fixed):
    """Learned weights that bring the gradients of all tasks to one length, longer for tasks that lag behind."""

    first: Tensor
    started: Tensor

    def __init__(self, weights: Sequence[float], least: float = 0.0) -> None:
        super().__init__(weights, least)
        self.factor = nn.Parameter(torch.ones(len(weights)))
        self.register_buffer("first", torch.ones(len(weights)))
        self.register_buffer("started", torch.zeros(()))

    def combined(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """Its value is the weighted sum; the factors move by their own objective."""
        now, n = losses.detach(), len(losses)
        with torch.no_grad():
            # Factors sum to T, or all could shrink together.
            self.factor.clamp_(min=1e-3)
            self.factor.mul_(n / self.factor.sum())
            if not self.started:
                self.first.copy_(now.clamp_min(1e-8))
                self.started.fill_(1.0)
        length = _gram(gradients(losses, module)).diagonal().clamp_min(0).sqrt()
        pace = now / self.first
        wanted = (self.factor.detach() * length).mean() * (pace / pace.mean()) ** ALPHA
        pull = (self.factor * length - wanted).abs().sum()
        return (self.factor.detach() * losses).sum() + (pull - pull.detach())


class PcGrad(Fixed):
    """Where two tasks pull shared weights apart, each gives up the part that hurts the other."""

    def combined(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """Its value is the sum, its gradient the mended one."""
        found = gradients(losses, module)
        gram = _gram(found)
        # Every mended gradient is a sum of the tasks' own, so only its coefficients need to be worked out.
        mix = torch.eye(len(losses), dtype=gram.dtype)
        for one in range(len(losses)):
            for other in torch.randperm(len(losses), generator=generator).tolist():
                against = float(mix[one] @ gram[:, other])
                if other != one and against < 0:
                    mix[one, other] -= against / float(gram[other, other])
        return _following(losses, found, mix.sum(0))


class Pareto(Fixed):
    """Weights under which no task can gain but at another's cost: the tasks' gradients together are shortest."""

    def combined(self, losses: Tensor, module: nn.Module, generator: torch.Generator) -> Tensor:
        """Weights sum to T, as equal ones do; none is below its bound."""
        gram = _gram(gradients(losses, module))
        share = shortest(gram.double().numpy(), self.least)
        return (losses * (torch.from_numpy(share).to(losses) * len(losses))).sum()


BALANCES: Mapping[str, Callable[[Sequence[float], float], Fixed]] = {
    "fixed": Fixed,
    "gradnorm": GradNorm,
    "pareto": Pareto,
    "pcgrad": PcGrad,
    "uncertainty": Uncertainty,
}


def shortest(gram: Floats, least: float) -> Floats:
    """float64[T], shares of at least `least` that sum to one and make share @ gram @ share smallest.

    All sets of tasks that stand at their bound are tried; the rest follows from a linear system.
    """
    n = len(gram)
    best, smallest = np.full(n, 1.0 / n), np.inf
    for free in itertools.product((True, False), repeat=n):
        at = np.array(free)
        k = int(at.sum())
        if not k:
            continue
        share = np.full(n, least)
        system = np.block([[gram[np.ix_(at, at)], np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
        right = np.r_[-gram[np.ix_(at, ~at)].sum(1) * least, 1.0 - least * (n - k)]
        share[at] = np.linalg.lstsq(system, right, rcond=None)[0][:k]
        value = float(share @ gram @ share)
        if share.min() >= least - 1e-9 and abs(share.sum() - 1.0) < 1e-6 and value < smallest:
            best, smallest = share, value
    return best


@dataclass
class Gradient:
    """What each task's loss does to one weight.

    Attributes:
        weight: the parameter.
        each: [T, n], flat; of a table the rows that the batch reads.
        rows: their numbers, None where the parameter is no table.
    """

    weight: Tensor
    each: Tensor
    rows: Tensor | None = None

    @property
    def shared(self) -> Tensor:
        """bool[n], numbers that more than one task moves. Towers of several tasks may lie in one parameter."""
        return (self.each != 0).sum(0) > 1


def gradients(losses: Tensor, module: nn.Module) -> list[Gradient]:
    """Gradients of single losses in all weights of a network but those of its balance."""
    module = getattr(module, "_orig_mod", module)  # what `torch.compile` wraps
    weights = [p for name, p in module.named_parameters() if p.requires_grad and not name.startswith("balance.")]
    found = [torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True) for loss in losses]
    out = []
    for weight, of in zip(weights, zip(*found, strict=True), strict=True):
        if any(g is None for g in of):
            continue  # none reads it: they all come from one stack of losses
        if of[0].is_sparse:
            # The rows that a batch reads are the same for all tasks.
            whole = [g.coalesce() for g in of]
            out.append(Gradient(weight, torch.stack([g.values().flatten() for g in whole]), whole[0].indices()[0]))
        else:
            out.append(Gradient(weight, torch.stack([g.flatten() for g in of])))
    return out


def _gram(found: list[Gradient]) -> Tensor:
    """[T, T], inner products of the tasks' gradients in what they share."""
    total = sum((each @ each.T for each in (one.each * one.shared for one in found)), torch.zeros(()))
    return total.cpu()


def _following(losses: Tensor, found: list[Gradient], mix: Tensor) -> Tensor:
    """The sum of losses, with the gradient mix @ gradients in what tasks share and the plain one elsewhere."""
    follow = losses.new_zeros(())
    for one in found:
        wanted = torch.where(one.shared, mix.to(one.each) @ one.each, one.each.sum(0))
        read = one.weight if one.rows is None else nn.functional.embedding(one.rows, one.weight, sparse=True)
        follow = follow + (read * wanted.view(read.shape)).sum()
    return losses.detach().sum() + (follow - follow.detach())
