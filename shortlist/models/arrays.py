"""Learned state on disk: arrays in one npz without objects, everything else as JSON. Never pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import BundleCorrupt, StageError

FORMAT = 1


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `state` (numpy arrays, scipy CSR arrays, numbers, strings, lists, dicts with string keys).

    Raises:
        StageError: a value of another type, which would need pickle.
    """
    from scipy.sparse import csr_array, issparse

    arrays: dict[str, np.ndarray[Any, Any]] = {}
    plain: dict[str, Any] = {"format": FORMAT, "values": {}, "sparse": {}}
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "O":
                raise StageError(f"Learned attribute '{name}' is an array of objects.", hint="Store numbers or text.")
            arrays[name] = value
        elif issparse(value):
            matrix = csr_array(value)
            arrays |= {f"{name}.data": matrix.data, f"{name}.indices": matrix.indices, f"{name}.indptr": matrix.indptr}
            plain["sparse"][name] = list(matrix.shape)
        else:
            try:
                plain["values"][name] = json.loads(json.dumps(value))
            except TypeError:
                raise StageError(
                    f"Learned attribute '{name}' of type {type(value).__name__} cannot be written as JSON.",
                    hint="Learn arrays, CSR matrices, numbers, strings, lists or dicts.",
                ) from None
    (folder / "state.json").write_text(json.dumps(plain, indent=1, sort_keys=True))
    with open(folder / "arrays.npz", "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_state(folder: Path) -> dict[str, Any]:
    """Read back what `write_state` wrote.

    Raises:
        BundleCorrupt: a file is missing, truncated, of another format or holds objects.
    """
    from scipy.sparse import csr_array

    try:
        plain = json.loads((folder / "state.json").read_text())
        with open(folder / "arrays.npz", "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state: dict[str, Any] = dict(plain["values"])
        for name, shape in plain["sparse"].items():
            parts = tuple(arrays.pop(f"{name}.{part}") for part in ("data", "indices", "indptr"))
            state[name] = csr_array(parts, shape=tuple(shape))
        return state | arrays
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BundleCorrupt(
            f"The model folder '{folder.name}' cannot be read ({type(error).__name__}).",
            hint="Verify the bundle with: shortlist bundle verify; roll back if it is damaged.",
        ) from None
