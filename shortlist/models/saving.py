"""A folder per object: its settings as config.json, what it learned beside them. Never pickle.

Models and embedders are kept alike: attributes that end in `_` are what was learned, and an object is made again from
its settings before they are read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from shortlist.core.errors import BadConfig, BundleCorrupt, StageError
from shortlist.models.arrays import read_state, write_state


class Saved:
    """Gives `save` and `load` to a class that has `config` and is made from settings by name."""

    noun: ClassVar[str] = "model"
    """What an error calls it."""

    config: Any

    def learned(self) -> dict[str, Any]:
        """Everything that was learned, by attribute name."""
        return {name: value for name, value in vars(self).items() if name.endswith("_") and not name.startswith("_")}

    def require_fitted(self) -> None:
        """Raises: NotFitted while there is nothing to save."""
        raise StageError(f"{type(self).__name__} does not implement require_fitted().")

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write configuration and learned state into a folder, made if needed.

        Raises:
            NotFitted: nothing to save yet.
        """
        self.require_fitted()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config.model_dump(mode="json"), indent=1, sort_keys=True))
        write_state(folder, self.learned())

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleCorrupt: a file is missing or unreadable.
        """
        folder = Path(folder)
        try:
            made = cls(**json.loads((folder / "config.json").read_text()))
        except (OSError, ValueError, TypeError, BadConfig) as error:
            raise BundleCorrupt(
                f"The {cls.noun} folder '{folder.name}' has no readable config.json ({type(error).__name__}).",
                hint="Give the folder that save() wrote; a bundle is checked with: shortlist bundle verify",
            ) from None
        for name, value in read_state(folder).items():
            setattr(made, name, value)
        return made
