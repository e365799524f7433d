"""Export to ONNX: the request encoder as a graph for runtimes without torch, and item vectors beside it.

The graph takes the tokens of one history (int64[1, L], any L up to `max_len`) and, where the model reads time, the
seconds since its first event; it gives the vector that is compared with the item vectors. Tokens and vectors are in
`items.npz`, so nothing of this package is needed to serve the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.lazy import import_extra
from shortlist.models.neural.fields import UNKNOWN

if TYPE_CHECKING:
    from shortlist.models.sequential.base import SequenceModel

OPSET = 18


class _Asked(nn.Module):
    """One history to one vector, as `SequenceModel.encode_one` does it."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.net: Any = model.module_
        self.normalise, self.with_bias = model.by_cosine, model.config.item_bias

    def forward(self, tokens: Tensor, seconds: Tensor | None = None) -> Tensor:
        """int64[1, L] to float32[D]."""
        state = self.net(tokens, seconds)[0, -1]
        if self.normalise:
            state = nn.functional.normalize(state, dim=-1)
        return torch.cat([state, torch.ones(1)]) if self.with_bias else state


def to_onnx(model: SequenceModel, folder: Path) -> Path:
    """Write `encoder.onnx`, `items.npz` (token, vector, known) and `reading.json` (how to ask) into a folder.

    Args:
        model: fitted.
        folder: made if needed.

    Returns:
        The path of the graph.

    Raises:
        NotFitted: not fitted yet. MissingExtra: the extra `onnx` is not installed.
    """
    model.require_fitted()
    import_extra("onnxscript", "onnx")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "encoder.onnx"
    asks_with = model.kind_of_task.asks_with
    length = torch.export.Dim("length", min=1, max=model.config.max_len)
    example: tuple[Tensor, ...] = (torch.full((1, min(3, model.config.max_len)), UNKNOWN, dtype=torch.int64),)
    names, shapes = ["tokens"], [{1: length}]
    if model.with_time_:
        example = (*example, torch.zeros(example[0].shape))
        names.append("seconds")
        shapes.append({1: length})
    wrapped = _Asked(model).eval()
    with torch.no_grad():
        if any(isinstance(part, nn.RNNBase) for part in wrapped.modules()):
            # The graph capture fixes the length of recurrent layers; the older tracer has an operator for them.
            torch.onnx.export(
                wrapped, example, str(path), dynamo=False, opset_version=OPSET, input_names=names,
                output_names=["vector"], dynamic_axes={name: {1: "length"} for name in names},
            )  # fmt: skip
        else:
            program = torch.onnx.export(
                wrapped, example, dynamo=True, opset_version=OPSET, input_names=names, output_names=["vector"],
                dynamic_shapes=tuple(shapes), verbose=False,
            )  # fmt: skip
            assert program is not None
            program.save(str(path))
    np.savez(folder / "items.npz", token=model.token_, vector=model.item_factors_, known=model.known_)
    reading = {
        "max_len": model.config.max_len,
        "append": asks_with,
        "inputs": names,
        "model": type(model).__name__,
    }
    (folder / "reading.json").write_text(json.dumps(reading, indent=1))
    return path
