"""A served graph with its embedding tables in half precision: half the bytes, numbers that differ in the fourth figure.

Tables are most of a click network. A look-up reads 16 bits per number and widens what it read, so arithmetic stays in
single precision, a row keeps its number in any company, and no time is lost. Products in int8 are not offered: their
scale is found over all rows of a call, so that a row's score would depend on its neighbours (docs/results.md has both).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.lazy import import_extra
from shortlist.core.types import Array
from shortlist.models.neural.served_net import GRAPH, PROBE, READING, ServedNet

ALLOWED = 1e-2
"""Largest difference of a logit, relative where it is above one."""


def halve_tables(folder: Path) -> float:
    """Rewrite an exported graph and its probe, proved by the numbers that it had before.

    Args:
        folder: of a saved ranker with a graph.

    Returns:
        Largest difference of a logit on the probe.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        StageError: a number of a table is too large for half precision, or a logit would change by more than `ALLOWED`;
            nothing is changed.
    """
    graph = halved((folder / GRAPH).read_bytes())
    reading = json.loads((folder / READING).read_text())
    with np.load(folder / PROBE, allow_pickle=False) as file:
        probe = {name: file[name] for name in file.files}
    before = probe.pop("logit")
    net = ServedNet(graph, reading["once"], reading["own"], int(reading["outputs"]))
    n = len(before)
    after = net.run(np.arange(n), lambda names, rows: {name: probe[name][rows] for name in names})
    worst = float((np.abs(after - before) / np.maximum(1.0, np.abs(before))).max())
    if not worst <= ALLOWED:
        raise StageError(
            f"Tables in half precision would change a logit by {worst:.2g}, more than {ALLOWED:g}.",
            hint="Publish without half_tables.",
        )
    net.prove(probe, after)
    (folder / GRAPH).write_bytes(graph)
    np.savez(folder / PROBE, logit=after, **probe)
    return float(np.abs(after - before).max())


def halved(graph: bytes) -> bytes:
    """The graph with every table of floats that a look-up reads in float16.

    Raises:
        MissingExtra: the extra `onnx` is not installed. StageError: a number is too large.
    """
    onnx: Any = import_extra("onnx", "onnx")
    model = onnx.load_from_string(graph)
    held = {each.name: each for each in model.graph.initializer}
    reads = [name for node in model.graph.node for name in node.input]
    nodes: list[Any] = []
    for node in model.graph.node:
        table = held.get(node.input[0]) if node.op_type == "Gather" else None
        nodes.append(node)
        if table is None or table.data_type != onnx.TensorProto.FLOAT or reads.count(table.name) > 1:
            continue
        table.CopyFrom(onnx.numpy_helper.from_array(_half(onnx.numpy_helper.to_array(table)), table.name))
        wide = node.output[0]
        node.output[0] = f"{wide}_half"
        nodes.append(onnx.helper.make_node("Cast", [node.output[0]], [wide], to=onnx.TensorProto.FLOAT))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # Types of values in between are worked out anew by whoever opens the graph.
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def _half(values: Array) -> Array:
    if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        raise StageError("A table holds a number that half precision cannot.", hint="Publish without half_tables.")
    return values.astype(np.float16)
