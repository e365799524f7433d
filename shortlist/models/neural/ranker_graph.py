"""The network of a ranker as an ONNX graph: encoded columns in, logits out.

The graph has the embedding tables in it. Beside it stand how to ask it (`graph.json`) and rows with the numbers that
torch computes for them in double precision (`graph_probe.npz`), with which whoever loads it proves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats
from shortlist.models.neural.onnx_graph import graph_of, spread
from shortlist.models.neural.served_net import FORMAT, GRAPH, PROBE, READING, ROW, ServedNet

PROBE_ROWS = 16
"""Rows of the probe."""
LARGEST_BYTES = 2**31 - 2**24
"""What one graph may hold."""


class Asked(nn.Module):
    """A network asked for logits alone, by position.

    Args:
        net: gives (logits, ...) for columns by name; with `halves` it takes columns of requests apart.
        once: columns that have one entry per request.
        own: columns that have one per candidate.
    """

    def __init__(self, net: Any, once: Sequence[str], own: Sequence[str]) -> None:
        super().__init__()
        self.net, self.once, self.own = net, list(once), list(own)
        self.has_halves = _has_halves(type(net))

    def forward(self, *given: Tensor) -> Tensor:
        """Own columns, then those of requests, then the request of each candidate. Returns: [B] or [B, T]."""
        columns = dict(zip([*self.own, *self.once], given, strict=False))
        if not self.once:
            logit: Tensor = self.net(columns)[0]
            return logit
        row, own = given[-1], {name: columns[name] for name in self.own}
        once = {name: columns[name] for name in self.once}
        if self.has_halves:
            logit = self.net.halves(once, own, row)
            return logit
        logit = self.net({**own, **{name: values.index_select(0, row) for name, values in once.items()}})[0]
        return logit


def _has_halves(kind: type) -> bool:
    """Whether `halves` belongs to the very `forward` that the class has, and not to one that it replaced."""
    owners = [next((c for c in kind.__mro__ if name in vars(c)), object) for name in ("halves", "forward")]
    return owners[0] is not object and issubclass(owners[0], owners[1])


def write_graph(
    net: nn.Module, folder: Path, probe: Mapping[str, Array], wanted: Floats, once: Sequence[str],
    about: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write the graph, how to ask it, and the probe; proved before they are left there.

    Args:
        net: in evaluation mode, float32.
        folder: exists.
        probe: all inputs by name, one entry per row, at least two.
        wanted: float64[P] or [P, T], the logits of the probe.
        once: names of the inputs that have one value per request.
        about: plain values that whoever loads the graph should know.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        StageError: the network is too large or has a part that cannot be exported; nothing is left behind.
    """
    size = sum(weight.numel() * weight.element_size() for weight in net.state_dict().values())
    if size > LARGEST_BYTES:
        raise StageError(f"Weights of {size / 2**30:.1f} GB do not fit into one graph.")
    own = [name for name in probe if name not in once]
    asked = Asked(net, [name for name in probe if name in once], own)
    given = {name: torch.from_numpy(probe[name][:3]) for name in own}
    rows, runs = torch.export.Dim("rows", min=2), torch.export.Dim("runs", min=2)
    dynamic: dict[str, dict[int, Any]] = {name: {0: rows} for name in own}
    if asked.once:
        given |= {name: torch.from_numpy(probe[name][:2]) for name in asked.once}
        given[ROW] = torch.tensor([0, 1, 1])
        dynamic |= {name: {0: runs} for name in asked.once} | {ROW: {0: rows}}
    try:
        model = graph_of(asked, given, dynamic)
        if asked.once:
            spread(model, ROW, own[0])
        graph = model.SerializeToString()
    except (StageError, ImportError):
        raise
    except Exception as error:
        # Exporters raise whatever they like; all of it means that this network stays with torch.
        raise StageError(f"The network cannot be exported: {type(error).__name__}: {str(error)[:300]}") from error
    outputs = wanted.shape[1] if wanted.ndim == 2 else 0
    ServedNet(graph, asked.once, own, outputs).prove(probe, wanted)
    (folder / GRAPH).write_bytes(graph)
    reading = {**about, "format": FORMAT, "once": asked.once, "own": own, "outputs": outputs}
    (folder / READING).write_text(json.dumps(reading, indent=1, sort_keys=True))
    np.savez(folder / PROBE, logit=wanted, **dict(probe))  # type: ignore[arg-type]
