"""Import what an extra brings, only when it is needed, and name the extra when it is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from shortlist.core.errors import MissingExtra


def import_extra(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` declares.

    Raises:
        MissingExtra: the declared package itself is not installed. A failure inside it passes through unchanged, so
            that a broken installation is not mistaken for a missing one.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == module.split(".", maxsplit=1)[0]:
            raise MissingExtra(module.split(".", maxsplit=1)[0], extra) from None
        raise
