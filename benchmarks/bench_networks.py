"""Scoring 500 candidates by a network of 128 and 64 units, served as a graph, against torch.

One thread on both sides; a pair's time is that of 100 calls, the goal's figure the milliseconds of one. Half of the
inputs are the user's: where they are shared they come once per request, and so does their part of the first layer. The
network is the block that rankers have, asked as a server asks: numbers are gathered and filled up in every call.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pair import Pair
from shortlist.core.types import Array
from shortlist.models.neural.served_net import ServedNet

ROWS, CALLS, HIDDEN = 500, 100, (128, 64)
ASKED = ((50, False, "mlp"), (50, True, "mlp_shared"), (128, False, "mlp_wide"), (128, True, "mlp_wide_shared"))
"""Inputs, whether the user's half comes once, and the goal."""


def pairs() -> list[Pair]:
    """The whole network and the shared half, for 128 inputs and for 50."""
    import torch

    torch.set_num_threads(1)
    return [
        _pair(inputs, shared, goal, "torch " + importlib.metadata.version("torch")) for inputs, shared, goal in ASKED
    ]


def _pair(inputs: int, shared: bool, goal: str, peer_name: str) -> Pair:
    import torch
    from torch import Tensor, nn

    from shortlist.models.neural.blocks.fields.mlp import Mlp
    from shortlist.models.neural.halves import Halves
    from shortlist.models.neural.ranker_graph import write_graph

    class Net(nn.Module):
        """A network of two halves of columns."""

        def __init__(self) -> None:
            super().__init__()
            self.deep = Mlp(inputs, HIDDEN)

        def forward(self, columns: Mapping[str, Tensor]) -> tuple[Tensor]:
            return (self.deep(torch.cat(list(columns.values()), 1)),)

        def halves(self, once: Mapping[str, Tensor], own: Mapping[str, Tensor], row: Tensor) -> Tensor:
            x = Halves(once["user"].unsqueeze(1), own["item"].unsqueeze(1), row, (0,), (1,))
            logit: Tensor = self.deep.halves(x)
            return logit

    torch.manual_seed(0)
    rng, net = np.random.default_rng(0), Net().eval()

    def drawn(rows: int) -> dict[str, Array]:
        widths = {"user": inputs // 2, "item": inputs // 2} if shared else {"item": inputs}
        return {name: rng.normal(size=(rows, width)).astype(np.float32) for name, width in widths.items()}

    def exact(columns: Mapping[str, Array]) -> Array:
        with torch.inference_mode():
            wide = {name: torch.from_numpy(values).double() for name, values in columns.items()}
            return np.asarray(net.double()(wide)[0].numpy())

    probe = drawn(16)
    wanted = exact(probe)
    with tempfile.TemporaryDirectory() as name:
        write_graph(net.float(), Path(name), probe, wanted, ["user"] if shared else [], {})
        graph = ServedNet.load(Path(name))
    asked = drawn(ROWS)
    if shared:
        asked["user"] = np.repeat(asked["user"][:1], ROWS, 0)
    run, given = np.zeros(ROWS, np.int64), {key: torch.from_numpy(values) for key, values in asked.items()}

    def encode(names: list[str], rows: Array) -> dict[str, Array]:
        return {key: asked[key][rows] for key in names}

    def ours() -> Array:
        return [graph.run(run, encode) for _ in range(CALLS)][-1]

    def peer() -> Array:
        with torch.inference_mode():
            return np.asarray([net(given)[0].numpy() for _ in range(CALLS)][-1])

    def same(found: Any, other: Any) -> None:
        assert np.abs(found - other).max() < 1e-4

    net.float()
    half = f", {inputs // 2} of them once per request" if shared else ""
    return Pair(
        name=f"{CALLS} times {ROWS} rows x {inputs} inputs through {HIDDEN[0]} and {HIDDEN[1]} units{half}",
        ours=ours,
        peer=peer,
        peer_name=peer_name,
        same=same,
        goal=goal,
        value=lambda mine, _: mine / CALLS * 1e3,
        repeats=9,
    )
