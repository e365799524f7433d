"""How any model around a network is saved: its weights as safetensors, beside configuration and learned state.

Cost: the weights, once, on disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shortlist.core.errors import StageError
from shortlist.core.lazy import import_extra
from shortlist.models.base import Model

if TYPE_CHECKING:
    from torch import nn

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
        from shortlist.models.neural.checkpoint import refuse_broken

        super()._refuse_broken()
        refuse_broken(self.module_, type(self).__name__)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write configuration, learned state and weights.

        Raises:
            NotFitted: nothing to save yet.
        """
        from shortlist.models.neural.checkpoint import write_weights

        super().save(folder)
        write_weights(Path(folder) / WEIGHTS, self.module_.state_dict())

    @classmethod
    def load_state(cls, folder: str | os.PathLike[str]) -> Self:
        """Configuration and learned state without the network: what can be read where torch is not installed.

        Raises:
            BundleCorrupt: a file is missing or unreadable.
        """
        return super().load(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleCorrupt: a file is missing or unreadable. BundleMismatch: the weights are of another network.
            MissingExtra: torch is not installed.
        """
        import_extra("torch", "nn")
        from shortlist.models.neural.checkpoint import read_weights

        model = cls.load_state(folder)
        model.module_ = model.restore().eval()
        read_weights(Path(folder) / WEIGHTS, model.module_)
        return model
