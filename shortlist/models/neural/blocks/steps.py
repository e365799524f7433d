"""Recurrent layers step by step as one loop, for graphs: exporters unroll torch's own, a second per step.

The same numbers as torch's layers up to rounding, from their weights. Cost: when training, more than theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


def in_graph() -> bool:
    """Whether a graph is being made of the network."""
    return torch.compiler.is_exporting()


def walked(step: Callable[[State, State], State], start: State, inputs: State) -> tuple[State, State]:
    """The last state, and all states with the steps first.

    Args:
        step: state and inputs of one step to the next state.
        start: tensors.
        inputs: tensors with L steps first.
    """
    from torch._higher_order_ops.scan import scan

    def one(state: State, read: State) -> tuple[State, State]:
        after = step(state, read)
        return after, tuple(part.clone() for part in after)

    last, states = scan(one, start, inputs)
    return last, states


def gru(layer: nn.GRU, x: Tensor) -> Tensor:
    """[B, L, D] to the states [B, L, H] of a layer that reads forward."""

    def step(state: State, read: State) -> State:
        of_input, of_state = read[0].chunk(3, -1), nn.functional.linear(state[0], weight, bias).chunk(3, -1)
        reset, keep = torch.sigmoid(of_input[0] + of_state[0]), torch.sigmoid(of_input[1] + of_state[1])
        new = torch.tanh(of_input[2] + reset * of_state[2])
        return (new + keep * (state[0] - new),)

    weight, bias = _weights(layer, "hh_l0")
    read = nn.functional.linear(x, *_weights(layer, "ih_l0")).transpose(0, 1)
    start = x[:, 0, :1].expand(-1, layer.hidden_size) * 0.0
    return walked(step, (start,), (read,))[1][0].transpose(0, 1)


def both_ways(layer: nn.LSTM, x: Tensor, real: Tensor) -> Tensor:
    """[B, L, D] to the outputs [B, L, 2*H] of a bidirectional layer; rows bool[B, L] are filled from the left."""
    ways = []
    for end in ("", "_reverse"):
        weight, bias = _weights(layer, f"hh_l0{end}")

        def step(state: State, read: State, weight: Tensor = weight, bias: Tensor = bias) -> State:
            output, cell = state
            take, forget, new, give = (read[0] + nn.functional.linear(output, weight, bias)).chunk(4, -1)
            moved = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(new)
            there = read[1]
            return (
                output + there * (torch.sigmoid(give) * torch.tanh(moved) - output),
                cell + there * (moved - cell),
            )

        read = nn.functional.linear(x, *_weights(layer, f"ih_l0{end}"))
        inputs = (read.transpose(0, 1), real.to(x.dtype).transpose(0, 1).unsqueeze(2))
        start = x[:, 0, :1].expand(-1, layer.hidden_size) * 0.0
        turned = tuple(part.flip(0) for part in inputs) if end else inputs
        outputs = walked(step, (start, start.clone()), turned)[1][0]
        ways.append((outputs.flip(0) if end else outputs).transpose(0, 1))
    return torch.cat(ways, 2) * real.unsqueeze(2)


def _weights(layer: nn.RNNBase, name: str) -> tuple[Tensor, Tensor]:
    return cast(Tensor, getattr(layer, f"weight_{name}")), cast(Tensor, getattr(layer, f"bias_{name}"))
