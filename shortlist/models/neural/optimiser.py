"""The optimiser: AdamW for the network, row by row for embedding tables.

A row that a step does not touch stays where it is: plain Adam would go on moving it by momentum and weight decay would
shrink it. Rows are found by their gradient; tables are never decayed. Where that momentum is wanted, because events of
an item are rare and each is to count for several steps, `dense_adam` hands the tables to AdamW as well.
Cost: adam two numbers per weight, adagrad one number per row; dense_adam a pass over the tables at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from shortlist.models.neural.config import TrainingConfig


class RowOptimiser(Optimizer):
    """Adam or row-wise Adagrad over the rows that have a gradient.

    Args:
        params: tables [V, D].
        lr: step size.
        kind: "adam" or "adagrad".
        betas: decay of Adam's averages.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, kind: str = "adam", betas: tuple[float, float] = (0.9, 0.98)
    ) -> None:
        super().__init__(params, {"lr": lr, "kind": kind, "betas": betas, "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move the rows whose gradient is not zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, index = touched(p.grad)
                if len(g) == 0:
                    continue
                move = self._adam(p, g, index, group) if group["kind"] == "adam" else self._adagrad(p, g, index)
                if index is None:
                    p.add_(move, alpha=-group["lr"])
                else:
                    p.index_add_(0, index, move, alpha=-group["lr"])

    def _adam(self, p: Tensor, g: Tensor, index: Tensor | None, group: dict[str, Any]) -> Tensor:
        state, (b1, b2) = self.state[p], group["betas"]
        if not state:
            state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
            state["steps"] = torch.zeros(())
        state["steps"] += 1
        t = float(state["steps"])
        if index is None:
            mean, square = state["mean"], state["square"]
            mean.lerp_(g, 1 - b1)
            square.mul_(b2).addcmul_(g, g, value=1 - b2)
        else:
            mean, square = state["mean"][index], state["square"][index]
            mean.lerp_(g, 1 - b1)
            square.mul_(b2).addcmul_(g, g, value=1 - b2)
            state["mean"][index], state["square"][index] = mean, square
        scale = (1 - b2**t) ** 0.5
        move: Tensor = (mean / (1 - b1**t)) / (square.sqrt() / scale + group["eps"])
        return move

    def _adagrad(self, p: Tensor, g: Tensor, index: Tensor | None) -> Tensor:
        state = self.state[p]
        if not state:
            state["square"] = torch.zeros(len(p), 1, device=p.device)
        added = (g * g).mean(dim=1, keepdim=True)
        if index is None:
            state["square"] += added
            square = state["square"]
        else:
            square = state["square"][index] + added
            state["square"][index] = square
        move: Tensor = g / (square.sqrt() + 1e-10)
        return move


def touched(grad: Tensor) -> tuple[Tensor, Tensor | None]:
    """The rows of a table's gradient that are not zero, and their numbers; None stands for all rows."""
    if grad.is_sparse:
        grad = grad.coalesce()
        index, values = grad.indices()[0], grad.values()
        moved = values.abs().sum(dim=1) > 0
        return (values, index) if bool(moved.all()) else (values[moved], index[moved])
    moved = grad.abs().sum(dim=1) > 0
    if bool(moved.all()):
        return grad, None
    index = moved.nonzero().squeeze(1)
    return grad[index], index


@torch.no_grad()
def clip(module: nn.Module, longest: float) -> None:
    """Scale all gradients down so that together they are no longer than `longest`; sparse ones too."""
    parts: list[Tensor] = []
    for p in module.parameters():
        if p.grad is None:
            continue
        if p.grad.is_sparse:
            p.grad = p.grad.coalesce()
            parts.append(p.grad.values())
        else:
            parts.append(p.grad)
    if not parts:
        return
    length = torch.stack(torch._foreach_norm(parts)).norm()
    if float(length) > longest:
        torch._foreach_mul_(parts, longest / float(length))


def tables_of(module: nn.Module) -> list[Tensor]:
    """The weights of all embedding tables of a network."""
    return [part.weight for part in module.modules() if isinstance(part, nn.Embedding)]


def make_optimisers(module: nn.Module, config: TrainingConfig) -> list[Optimizer]:
    """AdamW for everything but tables (matrices decayed, the rest not), and a row optimiser for tables.

    With `dense_adam` tables are moved by AdamW too, and their gradients stop being sparse.
    """
    tables = [p for p in tables_of(module) if p.requires_grad]
    by_row = config.embedding_optimiser != "dense_adam"
    if not by_row:
        densify(module)
    known = {id(p) for p in tables}
    rest = [p for p in module.parameters() if p.requires_grad and id(p) not in known]
    groups = [
        {"params": [p for p in rest if p.dim() >= 2], "weight_decay": config.reg},
        {"params": [p for p in rest if p.dim() < 2] + ([] if by_row else tables), "weight_decay": 0.0},
    ]
    kept = [group for group in groups if group["params"]]
    out: list[Optimizer] = []
    if kept:
        out.append(torch.optim.AdamW(kept, lr=config.learning_rate, betas=(0.9, 0.98), fused=True))
    if tables and by_row:
        out.append(RowOptimiser(tables, config.learning_rate, config.embedding_optimiser))
    return out


def densify(module: nn.Module) -> None:
    """Let tables have dense gradients, where what follows knows no others."""
    for part in module.modules():
        if isinstance(part, nn.Embedding):
            part.sparse = False
