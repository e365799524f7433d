"""What a file in a bundle may be, judged by its content: never anything that runs when it is read.

Allowed are arrays without objects (npz, npy, safetensors), ONNX graphs that hold their own numbers, Parquet, JSON, TOML
and text. A pickle is refused whatever its name. Before publication, arrays of models must be finite as well: one NaN in
an embedding becomes everybody's first item.
"""

from __future__ import annotations

import json
import pickletools
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import BundleCorrupt, StageError
from shortlist.core.protobuf import collect
from shortlist.core.types import Array


def check_content(path: Path, name: str) -> None:
    """Refuse a file whose content is not what its name says, or could run code.

    Args:
        path: the file.
        name: how to call it in the error.

    Raises:
        BundleCorrupt: names the file.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(2)
        if len(head) == 2 and head[0] == 0x80 and head[1] <= 5:
            raise ValueError("it is a pickle")
        _CHECKS[path.suffix](path)
    except KeyError:
        reason = f"files of kind '{path.suffix}' do not belong into a bundle"
    except Exception as error:
        # Readers of damaged files raise whatever they like; all of it means the same here.
        reason = str(error) if isinstance(error, ValueError) and str(error) else type(error).__name__
    else:
        return
    raise BundleCorrupt(
        f"File '{name}' of the bundle is refused: {reason[:200]}.",
        hint="Bundles hold npz without objects, safetensors, ONNX, Parquet, JSON, TOML and text.",
    )


def refuse_non_finite(folder: Path, label: str) -> None:
    """Refuse a saved model with NaN or infinite numbers.

    Raises:
        StageError: names model and array.
    """
    for path in sorted(folder.rglob("*")):
        for name, array in _arrays(path):
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                raise StageError(
                    f"Model '{label}' has values that are not finite in '{name}'.",
                    hint="Nothing was published. Lower the learning rate or check the data with: shortlist doctor",
                )


def _arrays(path: Path) -> Iterator[tuple[str, Array]]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                yield name, file[name]
    elif path.suffix == ".npy":
        yield path.stem, np.load(path, allow_pickle=False)
    elif path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                yield name, file.get_tensor(name)


def _npz(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise ValueError("it holds something else than arrays")
            with archive.open(member) as file:
                _header(file)


def _npy(path: Path) -> None:
    with open(path, "rb") as file:
        _header(file)


def _header(file: Any) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds an array of objects, which is a pickle")


def _safetensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        list(file.keys())


def _onnx(path: Path) -> None:
    graphs = collect(path.read_bytes()).get(7, [])
    if len(graphs) != 1:
        raise ValueError("it is no ONNX graph")
    _graph(graphs[0])


def _graph(graph: Any) -> None:
    """Refuse numbers that lie in another file, whose name could lead anywhere; in graphs within the graph too."""
    parts = collect(graph)
    tensors = [*parts.get(5, []), *(one for each in parts.get(15, []) for one in collect(each).get(1, []))]
    for node in parts.get(1, []):
        for attribute in map(collect, collect(node).get(5, [])):
            tensors += [*attribute.get(5, []), *attribute.get(10, [])]
            for inner in (*attribute.get(6, []), *attribute.get(11, [])):
                _graph(inner)
    for tensor in map(collect, tensors):
        if 13 in tensor or any(tensor.get(14, [])):
            raise ValueError("its numbers lie in another file")


def _parquet(path: Path) -> None:
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(-4, 2)
        if start != b"PAR1" or file.read(4) != b"PAR1":
            raise ValueError("it is no Parquet file")


def _json(path: Path) -> None:
    json.loads(path.read_bytes())


def _toml(path: Path) -> None:
    tomllib.loads(path.read_text(encoding="utf-8"))


def _text(path: Path) -> None:
    raw = path.read_bytes()
    raw.decode("utf-8")
    if b"\x00" in raw or _is_pickle(raw):
        raise ValueError("it is no text")


def _is_pickle(raw: bytes) -> bool:
    """Whether the bytes are a whole pickle program; looks at opcodes, runs nothing."""
    try:
        for _ in pickletools.genops(raw):
            pass
    except Exception:
        return False
    return True


_CHECKS: Mapping[str, Callable[[Path], None]] = {
    ".json": _json,
    ".npy": _npy,
    ".npz": _npz,
    ".onnx": _onnx,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".toml": _toml,
    ".txt": _text,
}
