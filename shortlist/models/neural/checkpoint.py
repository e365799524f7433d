"""Checkpoints: weights, optimiser state and progress of an interrupted fit, as safetensors and JSON, never pickle.

Written after every epoch beside the old one and then moved over it, so a crash leaves the last good state. A checkpoint
of other weights or of another run (settings, data, seed) is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BundleCorrupt, BundleMismatch, StageError
from shortlist.data.dataset import Dataset

FORMAT = 1


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """A state dict as safetensors."""
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}, path)


def read_weights(path: Path, module: nn.Module) -> None:
    """Fill a network with weights.

    Raises:
        BundleCorrupt: the file is missing or unreadable.
        BundleMismatch: it holds weights of another network.
    """
    try:
        found = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise BundleCorrupt(
            f"The weights '{path.name}' cannot be read ({type(error).__name__}).",
            hint="Verify the bundle with: shortlist bundle verify; roll back if it is damaged.",
        ) from None
    fill(module, found, path.name)


def fill(module: nn.Module, found: Mapping[str, Tensor], name: str) -> None:
    """Copy weights into a network.

    Raises:
        BundleMismatch: names or shapes differ.
    """
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(found)) or [key for key in own if own[key].shape != found[key].shape]
    if wrong:
        raise BundleMismatch(
            f"'{name}' holds weights of another network: '{wrong[0]}' does not fit.",
            hint="Load it with the configuration it was saved with.",
        )
    module.load_state_dict(found)


def refuse_broken(module: nn.Module, owner: str, when: str = "fit") -> None:
    """Refuse a network that training has ruined.

    Args:
        module: any.
        owner: whose it is, for the error.
        when: after what it is looked at, for the error.

    Raises:
        StageError: a weight is not finite; names it.
    """
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise StageError(
                f"Weight '{name}' of {owner} is not finite after {when}.",
                hint="Lower learning_rate or clip; check the data with: shortlist doctor",
            )


def run_of(model: Any, data: Dataset, ctx: FitContext) -> dict[str, Any]:
    """What tells the fit of a model from other fits, beside its settings: the class, the data and the seed."""
    return {"model": type(model).__name__, "data": data.fingerprint, "seed": ctx.seed}


class Checkpoint:
    """The folder of one training run.

    Args:
        folder: made when first written.
        run: what identifies the run; another one's checkpoint is refused.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder, self.run = folder, json.loads(json.dumps(run, sort_keys=True, default=str))

    def write(
        self, module: nn.Module, optimisers: Sequence[Optimizer], best: Mapping[str, Tensor], progress: dict[str, Any]
    ) -> None:
        """Replace the checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"net.{name}": value for name, value in module.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in best.items()}
        for n, optimiser in enumerate(optimisers):
            for p, state in optimiser.state_dict()["state"].items():
                tensors |= {f"opt.{n}.{p}.{name}": torch.as_tensor(value) for name, value in state.items()}
        fresh = self.folder / "checkpoint.new"
        # Progress travels inside the file, so that weights and epoch can never disagree.
        kept = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        save_file(kept, fresh, {"format": str(FORMAT), "run": json.dumps(self.run), "progress": json.dumps(progress)})
        os.replace(fresh, self.folder / "checkpoint.safetensors")

    def read(
        self, module: nn.Module, optimisers: Sequence[Optimizer]
    ) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Restore network and optimisers. Returns: best weights and progress, or None if there is no checkpoint.

        Raises:
            BundleCorrupt: unreadable. BundleMismatch: of another run or network.
        """
        from safetensors import safe_open

        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata() or {}
            found = load_file(path)
            run, progress = json.loads(meta["run"]), json.loads(meta["progress"])
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise BundleCorrupt(
                f"The checkpoint in '{self.folder.name}' cannot be read ({type(error).__name__}).",
                hint="Remove the folder to start afresh.",
            ) from None
        if run != self.run or meta.get("format") != str(FORMAT):
            different = sorted(key for key in {*run, *self.run} if run.get(key) != self.run.get(key))
            raise BundleMismatch(
                f"The checkpoint in '{self.folder.name}' is of another run: {', '.join(different) or 'format'} differ.",
                hint="Give another folder, or remove this one to start afresh.",
                field="checkpoint",
            )
        fill(module, _under("net.", found), path.name)
        for n, optimiser in enumerate(optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in _under(f"opt.{n}.", found).items():
                p, _, key = name.partition(".")
                state.setdefault(int(p), {})[key] = value
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        return _under("best.", found), progress


def _under(prefix: str, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in found.items() if name.startswith(prefix)}
