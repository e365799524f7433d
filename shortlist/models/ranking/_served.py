"""A published ranker as a server runs it: its graph, its vocabularies and nothing of torch.

`publish` writes the graph of every ranker that has a network beside the saved ranker, and loading a bundle opens it
where onnxruntime is installed. Where it is not, or where the graph fails its proof, the ranker itself is loaded and
computes with torch; the log says why. Logits agree to `served_net.TOLERANCE` and are the same in any company.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from shortlist.core.errors import BundleCorrupt, MissingExtra, StageError
from shortlist.core.registry import create
from shortlist.core.types import Floats
from shortlist.models.arrays import read_state
from shortlist.models.neural.fields import Schema
from shortlist.models.neural.kernels import runs_of
from shortlist.models.neural.served_net import GRAPH, READING, ServedNet
from shortlist.models.ranking._columns import column_of, encode_fields
from shortlist.models.ranking._odds import sigmoid
from shortlist.models.ranking._scenario import Scenarios
from shortlist.models.ranking.base import Ranker

log = logging.getLogger("shortlist.serving")


@dataclass(frozen=True)
class Kept:
    """Settings as they were saved; a class that would check them may need torch."""

    values: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """Feature columns, in order."""
        return tuple(self.values.get("columns") or ())

    def model_dump(self, **how: Any) -> dict[str, Any]:
        """Plain values."""
        return dict(self.values)


class ServedRanker(Ranker):
    """Scores like the ranker that was published, by its graph; cannot learn.

    Attributes:
        name: registry name of the ranker it stands for.
    """

    def __init__(self, name: str, folder: Path) -> None:
        try:
            self.config = Kept(json.loads((folder / "config.json").read_text()))
            reading = json.loads((folder / READING).read_text())
            self._importance, self._tasks = dict(reading["importance"]), tuple(reading["tasks"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleCorrupt(
                f"The ranker in '{folder.name}' cannot be read ({type(error).__name__}).",
                hint="Verify the bundle with: shortlist bundle verify; roll back if it is damaged.",
            ) from None
        for key, value in read_state(folder).items():
            setattr(self, key, value)
        self.name, self._folder = name, folder
        self._net = ServedNet.load(folder)
        self._schema = Schema.from_state(self.fields_)  # type: ignore[attr-defined]
        self._scenarios = Scenarios(self.columns_, self.fields_, self.config.values.get("scenario_column") or "")  # type: ignore[attr-defined]
        self._once = np.array(sorted({column_of(name) for name in self._net.once}), np.int64)

    def __repr__(self) -> str:
        return f"ServedRanker('{self.name}', {len(self.columns_)} columns, {len(self._once)} of them once per request)"

    @property
    def tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the heads, in the order of the score columns."""
        return self._tasks

    def fit_rows(self, *rows: Any, **options: Any) -> Self:
        """Raises: StageError, always."""
        raise StageError("A served ranker does not learn.", hint="Teach the one that twin() gives.")

    def twin(self) -> Any:
        """The ranker it stands for, not fitted.

        Raises:
            MissingExtra: torch is not installed.
        """
        return create(self.name, "ranker", **self.config.values)

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N] (or [N, T]), probabilities."""
        self._scenarios.count(x)
        logit = self._net.run(runs_of(x, self._once), lambda names, rows: encode_fields(self._schema, x, names, rows))
        return sigmoid(logit)

    @property
    def unseen_rows(self) -> int:
        """Rows scored since loading whose scenario was not in the training rows, or missing."""
        return self._scenarios.unseen

    def importance(self) -> dict[str, float]:
        """As the published ranker said."""
        return dict(self._importance)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Copy the files it was loaded from."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if path.is_file():
                shutil.copyfile(path, Path(folder) / path.name)


def load_served(name: str, folder: Path) -> ServedRanker | None:
    """The ranker of a published folder as a graph, or None where it has none or it cannot be used here; logs why.

    Raises:
        BundleCorrupt: a file is missing or unreadable.
    """
    if not (folder / GRAPH).exists():
        return None
    try:
        return ServedRanker(name, folder)
    except (MissingExtra, StageError) as error:
        log.warning("Ranker '%s' is served by torch: %s", folder.name, error)
        return None


def write_served(model: Any, folder: Path) -> None:
    """The graph of a saved ranker, where it has a network; what keeps it from being written is logged.

    Args:
        model: any model; those without `export` are left alone.
        folder: where it has been saved.
    """
    if not hasattr(model, "export"):
        return
    try:
        model.export(folder)
    except (MissingExtra, StageError) as error:
        log.warning("Ranker '%s' is published without a graph and will be served by torch: %s", folder.name, error)
