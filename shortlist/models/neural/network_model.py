"""How any model around a network is saved: its weights as safetensors, beside configuration and learned state.

Cost: the weights, once, on disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from torch import nn

from shortlist.core.errors import StageError
from shortlist.models.base import Model
from shortlist.models.neural.checkpoint import read_weights, refuse_broken, write_weights

WEIGHTS = "weights.safetensors"


class NetworkModel(Model):
    """A model that keeps one network in `module_`; stands before the model's other base.

    Subclasses set `module_` when they learn and build the same network without weights in `restore`.

    Learned: `module_`, the network, in evaluation mode on the CPU.
    """

    module_: Any

    def restore(self) -> nn.Module:
        """The network with any weights, from configuration and learned state."""
        raise StageError(f"{type(self).__name__} does not implement restore().")

    def learned(self) -> dict[str, Any]:
        """Arrays and plain values; the network is saved beside them as safetensors."""
        return {name: value for name, value in super().learned().items() if name != "module_"}

    def _refuse_broken(self) -> None:
        super()._refuse_broken()
        refuse_broken(self.module_, type(self).__name__)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write configuration, learned state and weights.

        Raises:
            NotFitted: nothing to save yet.
        """
        super().save(folder)
        write_weights(Path(folder) / WEIGHTS, self.module_.state_dict())

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleCorrupt: a file is missing or unreadable. BundleMismatch: the weights are of another network.
        """
        model = super().load(folder)
        model.module_ = model.restore().eval()
        read_weights(Path(folder) / WEIGHTS, model.module_)
        return model
