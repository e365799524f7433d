"""Shortlist: from event log to served, measured, improving recommendations.

    import shortlist as sl

    data = sl.load("newsroom")
    train, test = sl.split(data, "global-time", at=0.9)
    model = sl.models.create("als", factors=64).fit(train)
    model.recommend(["U1"], k=10)

Importing the package loads no framework; names below are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist._version import __version__

__all__ = ["Dataset", "Pipeline", "__version__", "bundles", "leaderboard", "load", "models", "split"]

_LAZY = {
    "Dataset": ("shortlist.data.dataset", "Dataset"),
    "Pipeline": ("shortlist.pipeline.pipeline", "Pipeline"),
    "leaderboard": ("shortlist.evaluation.leaderboard", "leaderboard"),
    "load": ("shortlist.data.catalog", "load"),
    "split": ("shortlist.data.splits", "split"),
    "models": ("shortlist.models", None),
    "bundles": ("shortlist.bundles", None),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'shortlist' has no attribute '{name}'")
    module, attribute = _LAZY[name]
    found = importlib.import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
