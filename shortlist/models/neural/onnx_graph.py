"""A module as an ONNX graph whose rows do not depend on their company.

The runtime sums along the last axis in an order that depends on where a row lies in memory, so the same row would get
another last bit in another batch. Everything else it computes for a row is the same wherever the row stands (which the
tests and every load check), so sums along last axes become products with a column of ones.
Cost: a second or two per graph. Tables above 2 GB do not fit into one.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.errors import StageError
from shortlist.core.lazy import import_extra

OPSET = 18
SUMS = ("ReduceSum", "ReduceMean")
ELEMENTWISE = ("Add", "Sub", "Mul", "Div")
OTHER_SUMS = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare")


def graph_of(module: nn.Module, given: Mapping[str, Tensor], dynamic: Mapping[str, Mapping[int, Any]]) -> Any:
    """The ONNX model of a module in evaluation mode; its one output is called "logit".

    Args:
        module: takes the given tensors by position.
        given: example inputs by name, at least two of everything that may vary.
        dynamic: which axes may vary, `torch.export.Dim` by axis and name.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        StageError: the graph sums in a way that is not known to be the same in any company.
    """
    import_extra("onnxscript", "onnx")
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            module.eval(), tuple(given.values()), dynamo=True, opset_version=OPSET, input_names=list(given),
            output_names=["logit"], dynamic_shapes=(tuple(dict(dynamic[name]) for name in given),), verbose=False,
        )  # fmt: skip
    assert program is not None
    model = program.model_proto
    for each in model.graph.input:
        shape = each.type.tensor_type.shape.dim
        fixed = [axis for axis in dynamic[each.name] if shape[axis].HasField("dim_value")]
        if fixed:
            raise StageError(f"The graph takes '{each.name}' only with {shape[fixed[0]].dim_value} rows.")
    return _steady(model)


def _steady(model: Any) -> Any:
    """Sums along last axes as products."""
    import onnx

    onnx = onnx.shape_inference.infer_shapes(model, data_prop=True) and onnx
    graph = model.graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    constants |= {
        node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    shapes = {
        info.name: [dim.dim_value if dim.HasField("dim_value") else None for dim in info.type.tensor_type.shape.dim]
        for info in (*graph.value_info, *graph.input, *graph.output)
    }
    counts = {
        info.name
        for info in (*graph.value_info, *graph.input, *graph.output)
        if info.type.tensor_type.elem_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    }
    nodes: list[Any] = []
    for node in graph.node:
        # Whole numbers add up to the same in any order.
        sums = node.op_type in SUMS + OTHER_SUMS and node.input[0] not in counts
        swapped = _product(node, constants, shapes, onnx, graph) if sums else None
        nodes.extend([node] if swapped is None else swapped)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def spread(model: Any, row: str, own: str) -> None:
    """Let the input that says the request of each row hold one number where all rows are of one request.

    What is gathered by it then has one row, which elementwise operations with what rows bring of their own broadcast;
    anything else gets it repeated. Nothing is gathered for every row in the usual case, and no number changes.

    Args:
        model: with rows first wherever it has any; changed in place.
        row: name of that input.
        own: name of an input that has one entry per row.
    """
    import onnx

    graph, make = model.graph, onnx.helper.make_node
    names, narrow, wide, nodes = {row}, set[str](), {each.name for each in graph.input} - {row}, list[Any]()
    ranks = {info.name: len(info.type.tensor_type.shape.dim) for info in (*graph.value_info, *graph.input)}
    single = {each.name for each in graph.input if each.type.tensor_type.shape.dim[0].dim_param == "runs"}
    wide -= single
    nodes.append(make("Shape", [own], ["spread_rows"], start=0, end=1))

    def repeated(name: str) -> str:
        out = f"{name}_spread"
        if out not in wide:
            nodes.append(make("Shape", [name], [f"{out}_rest"], start=1))
            nodes.append(make("Concat", ["spread_rows", f"{out}_rest"], [f"{out}_shape"], axis=0))
            nodes.append(make("Expand", [name, f"{out}_shape"], [out]))
            wide.add(out)
        return out

    for node in graph.node:
        if node.op_type == "Reshape" and node.input[0] in names:
            names.add(node.output[0])
        elif node.op_type == "Gather" and node.input[1] in names:
            narrow.add(node.output[0])
        else:
            beside = [name for name in node.input if name not in narrow]
            level = {ranks.get(name, -1) for name in node.input}
            kept = node.op_type in ELEMENTWISE and any(name in wide for name in beside) and len(level) == 1
            for at, name in enumerate(node.input):
                if name in narrow and not kept:
                    node.input[at] = repeated(name)
            if any(name in wide for name in node.input):
                wide.update(node.output)
        nodes.append(node)
    for at, each in enumerate(graph.output):
        if each.name in narrow:
            raise StageError(f"The graph's output {at} does not depend on the rows.")
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for each in graph.input:
        if each.name == row:
            # Of a size of its own, or the runtime would take what is gathered for as large as what it is added to.
            each.type.tensor_type.shape.dim[0].dim_param = "one_or_rows"
    onnx.checker.check_model(model)


def _product(node: Any, constants: Mapping[str, Any], shapes: Mapping[str, Any], onnx: Any, graph: Any) -> Any:
    """Nodes that do what a sum does, or None where it does not run along the last axis."""
    shape = shapes.get(node.input[0])
    axes = constants.get(node.input[1]) if len(node.input) > 1 else None
    if shape is None or axes is None:
        raise StageError(f"The graph's {node.op_type} '{node.name}' has no known shape.")
    rank = len(shape)
    along = sorted(int(axis) % rank for axis in np.atleast_1d(axes))
    if along[-1] != rank - 1:
        return None
    if node.op_type in OTHER_SUMS:
        raise StageError(f"The graph holds a {node.op_type}, whose order of summing is not known to be steady.")
    sizes = [shape[axis] for axis in along]
    if along != list(range(along[0], rank)) or None in sizes or along[0] == 0:
        raise StageError(f"The graph's {node.op_type} '{node.name}' sums along {along} of {rank} axes, {sizes}.")
    kept = next((each.i for each in node.attribute if each.name == "keepdims"), 1)
    n, name = int(np.prod(sizes)), node.output[0]
    weight = np.full((n, 1), 1.0 if node.op_type == "ReduceSum" else 1.0 / n, np.float32)
    flat, after = [0] * along[0] + [n], [0] * along[0] + ([1] * len(along) if kept else [])
    for label, value in (("ones", weight), ("flat", np.array(flat)), ("after", np.array(after))):
        graph.initializer.append(onnx.numpy_helper.from_array(value, f"{name}_{label}"))
    make = onnx.helper.make_node
    return [
        make("Reshape", [node.input[0], f"{name}_flat"], [f"{name}_rows"]),
        make("MatMul", [f"{name}_rows", f"{name}_ones"], [f"{name}_sums"]),
        make("Reshape", [f"{name}_sums", f"{name}_after"], [name]),
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that it does not find, and on functions of its own that are old."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
