"""A network as a server runs it: an ONNX graph over encoded columns, without torch.

Columns that have one value per request stand in the graph's inputs once per run of rows that share them, so their part
of the network is computed once per request (`neural/halves.py`). Which rows share them is looked at anew in every call:
where a column turns out not to be the same for a whole request, the answer is the same and only costs more.

A row's number does not depend on its company: graphs hold only operations of which that is true
(`neural/onnx_graph.py`), rows are filled up to a multiple of eight, and one thread computes. Loading proves it on the
machine at hand, with rows whose numbers torch computed at the time of the export, and refuses the graph otherwise.
Cost: below a tenth of a millisecond beside the arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import BundleCorrupt, StageError
from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints

GRAPH, READING, PROBE = "graph.onnx", "graph.json", "graph_probe.npz"
"""Files beside a saved ranker."""
FORMAT = 1
ROW = "row"
"""Input of the graph that says which run each row belongs to; one number where all belong to one."""
TOLERANCE = 1e-4
"""Largest difference from torch's double precision, of logits, relative where they are above one."""
AT_ONCE = 1024
"""Rows that go through the graph together."""
EIGHT = 8

Encode = Callable[[list[str], Array], Mapping[str, Array]]
"""Names of inputs and numbers of rows to encoded columns, with one entry per row."""


class ServedNet:
    """An opened graph.

    Attributes:
        once: inputs that have one entry per request.
        own: inputs that have one per candidate.
        outputs: numbers per row; 0 where a row has one and no axis for it.
    """

    def __init__(self, graph: bytes, once: list[str], own: list[str], outputs: int) -> None:
        ort: Any = import_extra("onnxruntime", "onnx")
        options = ort.SessionOptions()
        # One thread: requests already share the cores, and more would make the order of sums a matter of luck.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # The runtime has a dozen kinds of errors, and all of them mean that it cannot run this graph.
            raise StageError(f"The runtime does not open the graph: {str(error)[:300]}") from error
        self.once, self.own, self.outputs = once, own, outputs

    @classmethod
    def load(cls, folder: Path) -> ServedNet:
        """Open what `neural/ranker_graph.py` wrote, and prove it on the probe.

        Raises:
            MissingExtra: the extra `onnx` is not installed.
            BundleCorrupt: a file is missing or unreadable.
            StageError: the runtime does not open the graph, or computes something else than torch did, or gives a row
                another number in other company.
        """
        import_extra("onnxruntime", "onnx")
        try:
            reading = json.loads((folder / READING).read_text())
            if reading["format"] != FORMAT:
                raise ValueError
            with np.load(folder / PROBE, allow_pickle=False) as file:
                probe = {name: file[name] for name in file.files}
            net = cls((folder / GRAPH).read_bytes(), reading["once"], reading["own"], int(reading["outputs"]))
            wanted = probe.pop("logit")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleCorrupt(
                f"The graph of '{folder.name}' cannot be read ({type(error).__name__}).",
                hint="Verify the bundle with: shortlist bundle verify; roll back if it is damaged.",
            ) from None
        net.prove(probe, wanted)
        return net

    def prove(self, probe: Mapping[str, Array], wanted: Floats) -> None:
        """Compare with known numbers, and rows in company with rows alone.

        Args:
            probe: all inputs, one entry per row.
            wanted: float[P] or [P, T].

        Raises:
            StageError: they differ.
        """
        n = len(wanted)
        whole = self.run(np.arange(n), _taken(probe))
        if not np.isfinite(whole).all() or (np.abs(whole - wanted) > TOLERANCE * np.maximum(1.0, np.abs(wanted))).any():
            worst = float(np.nanmax(np.abs(whole - wanted)))
            raise StageError(f"The graph's numbers differ from torch's by up to {worst:.1g}.")
        for rows in (*np.arange(n)[:, None], np.arange(n)[::-1], np.arange(1, n)):
            part = {name: values[rows] for name, values in probe.items()}
            found = self.run(np.arange(len(rows)), _taken(part))
            if found.tolist() != whole[rows].tolist():
                raise StageError("On this machine a row of the graph has another number in other company.")
        shared = {name: np.repeat(values[:1], n, 0) if name in self.once else values for name, values in probe.items()}
        apart, together = (self.run(shares, _taken(shared)) for shares in (np.arange(n), np.zeros(n, np.int64)))
        if apart.tolist() != together.tolist():
            raise StageError("A row of the graph has another number where its request's columns are read once.")

    def run(self, shares: Ints, encode: Encode) -> Floats:
        """float64[N] or [N, T], logits.

        Raises:
            StageError: the runtime refuses.

        Args:
            shares: int64[N], number of each row's run of neighbours whose `once` columns are equal, ascending by one.
            encode: gives the inputs of rows.
        """
        n = len(shares)
        out = np.empty((n, self.outputs) if self.outputs else n)
        for start in range(0, n, AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, n))
            given = self._given(shares, rows, encode)
            try:
                (logit,) = self._session.run(None, given)
            except Exception as error:
                raise StageError(f"The runtime does not run the graph: {str(error)[:300]}") from error
            out[rows] = logit[: len(rows)]
        return out

    def _given(self, shares: Ints, rows: Array, encode: Encode) -> dict[str, Array]:
        filled = _filled(rows)
        given = dict(encode(self.own, filled))
        if self.once:
            run = shares[filled] - shares[rows[0]]
            first = np.searchsorted(run[: len(rows)], np.arange(run[-1] + 1)) if run[-1] else np.zeros(1, np.int64)
            given |= encode(self.once, _filled(rows[first]))
            given[ROW] = run if run[-1] else run[:1]  # one request's part is broadcast, not repeated
        return given


def _taken(columns: Mapping[str, Array]) -> Encode:
    """Encoded columns, rows of which are taken."""
    return lambda names, rows: {name: columns[name][rows] for name in names}


def _filled(rows: Array) -> Array:
    """Repeats the last row up to a multiple of eight; kernels treat what is left over apart."""
    short = -len(rows) % EIGHT
    return np.concatenate([rows, np.full(short, rows[-1])]) if short else rows
