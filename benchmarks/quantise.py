"""What fewer bits cost and save in a served ranker: `python -m benchmarks.quantise`, the table of docs/results.md.

    python -m benchmarks.quantise --models dcn_v2,deepfm --seeds 0,1,2

Click models on MovieLens 100K as in `benchmarks/ctr.py`, exported as they are published. The graph is served as it is,
with tables in half precision (a look-up reads them and widens what it read), and with int8 products whose scale is
found while running (onnxruntime's dynamic quantisation). AUC of the test rows, largest change of a logit, whether a row
has the same number in other company, CPU milliseconds of 500 candidates (median of 60) and megabytes of the graph.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ctr import PROTOCOLS, prepared
from benchmarks.distill import ROWS, fit, hard, logit
from shortlist.core.types import Array, Candidates, Requests
from shortlist.evaluation.metrics import auc
from shortlist.models.neural.served_net import GRAPH, ServedNet
from shortlist.models.ranking._served import ServedRanker

ALONE = 200
"""Rows that are asked alone and in company."""


def main() -> None:
    """Print one JSON line per model, seed and way, then a table of means."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantise")
    parser.add_argument("--protocol", default="ctr-time-811", choices=PROTOCOLS)
    parser.add_argument("--models", default="dcn_v2,deepfm")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=0, help="passes over the rows; 0 takes the model's own")
    chosen = parser.parse_args()
    parts = prepared(chosen.protocol)
    found: list[dict[str, Any]] = []
    for name in chosen.models.split(","):
        for seed in map(int, chosen.seeds.split(",")):
            model, _ = fit(name, {"epochs": chosen.epochs} if chosen.epochs else {}, parts, seed, *hard(parts))
            with tempfile.TemporaryDirectory() as folder:
                model.save(folder)
                model.export(folder)
                plain = ServedRanker(name, Path(folder))
                wanted = logits(plain, parts)
                graphs = {"single precision": None, "half tables": half_tables, "int8 products": int8_products}
                for way, change in graphs.items():
                    graph = (Path(folder) / GRAPH).read_bytes()
                    graph = graph if change is None else change(graph, Path(folder))
                    net = plain._net
                    plain._net = ServedNet(graph, net.once, net.own, net.outputs)
                    row = {"model": name, "seed": seed, "way": way, **judged(plain, parts, wanted)}
                    found.append({**row, "mb": round(len(graph) / 1e6, 3)})
                    plain._net = net
                    print(json.dumps(found[-1]), flush=True)
    print(table(found))


def half_tables(graph: bytes, folder: Path) -> bytes:
    """Numbers that a look-up reads in float16, widened after it."""
    import onnx

    model = onnx.load_from_string(graph)
    held = {each.name: each for each in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        source = held.get(node.input[0]) if node.op_type == "Gather" else None
        if source is None or source.data_type != onnx.TensorProto.FLOAT:
            nodes.append(node)
            continue
        values = onnx.numpy_helper.to_array(source).astype(np.float16)
        source.CopyFrom(onnx.numpy_helper.from_array(values, source.name))
        read = node.output[0]
        node.output[0] = f"{read}_half"
        nodes += [node, onnx.helper.make_node("Cast", [f"{read}_half"], [read], to=onnx.TensorProto.FLOAT)]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def int8_products(graph: bytes, folder: Path) -> bytes:
    """Weights of matrix products in int8, inputs by a scale that each call finds over all of its rows."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(folder / GRAPH, folder / "int8.onnx", weight_type=QuantType.QInt8)
    return (folder / "int8.onnx").read_bytes()


def test_rows(parts: dict[str, Any]) -> dict[str, Array]:
    """Columns of the test rows."""
    start = sum(parts["sizes"][:2])
    return {key: values[start:] for key, values in parts["columns"].items()}


def logits(model: Any, parts: dict[str, Any]) -> Array:
    """float64[N] of the test rows."""
    cols = test_rows(parts)
    n = len(cols["user"])
    return logit(model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, cols))[:, 0])


def judged(model: Any, parts: dict[str, Any], wanted: Array) -> dict[str, Any]:
    """AUC, largest change, steadiness, milliseconds."""
    found = logits(model, parts)
    label = parts["label"][sum(parts["sizes"][:2]) :]
    cols = {key: values[:ROWS] for key, values in test_rows(parts).items()}
    own = ("user", "age", "gender", "occupation", "zip")
    cols |= {key: np.full(ROWS, cols[key][0]) for key in own}
    table = Candidates(np.zeros(ROWS, np.int32), np.arange(ROWS), 1, cols)
    whole = model.score(Requests.of([-1]), table)[:, 0]
    alone = [model.score(Requests.of([-1]), table.take(np.array([n])))[0, 0] for n in range(ALONE)]
    times = []
    for _ in range(60):
        began = time.process_time()
        model.score(Requests.of([-1]), table)
        times.append((time.process_time() - began) * 1e3)
    return {
        "auc": round(float(auc(label, found)), 5),
        "largest_change": round(float(np.abs(found - wanted).max()), 5),
        "same_in_company": round(float(np.mean(whole[:ALONE] == alone)), 3),
        "ms": round(float(np.median(times)), 3),
    }


def table(found: list[dict[str, Any]]) -> str:
    """Markdown: means over seeds."""
    lines = ["| model | graph | AUC | largest change of a logit | same in company | ms | MB |", "|" + "---|" * 7]
    for key in dict.fromkeys((row["model"], row["way"]) for row in found):
        rows = [row for row in found if (row["model"], row["way"]) == key]
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name not in ("model", "way")}
        lines.append(
            f"| {key[0]} | {key[1]} | {mean['auc']:.4f} | {max(row['largest_change'] for row in rows):.4f} "
            f"| {mean['same_in_company']:.0%} | {mean['ms']:.2f} | {mean['mb']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
