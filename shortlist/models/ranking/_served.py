"""A published ranker as a server runs it: its graph, its vocabularies and nothing of torch.

`publish` writes the graph of every ranker that has a network beside the saved ranker, and loading a bundle opens it
where onnxruntime is installed. Where it is not, or where the graph fails its proof, the ranker itself is loaded and
computes with torch; the log says why. So it does where torch is installed and is the faster of the two. Logits agree to
`served_net.TOLERANCE` and are the same in any company.
"""

from __future__ import annotations

import logging
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from shortlist.core.errors import MissingExtra, StageError
from shortlist.core.registry import load as load_row
from shortlist.core.types import Candidates, Floats, Requests
from shortlist.models.neural.served_net import GRAPH, ServedNet
from shortlist.models.ranking.base import Ranker

log = logging.getLogger("shortlist.serving")


class ServedRanker(Ranker):
    """Scores like the ranker that was published, by its graph; cannot learn.

    Attributes:
        name: registry name of the ranker it stands for.
        like: that ranker without its network: it reads rows and says what logits mean.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.like = _likeness(name, folder)
        for key, value in self.like.learned().items():
            setattr(self, key, value)
        self.config, self.name, self._folder = self.like.config, name, folder
        self._net = ServedNet.load(folder)

    def __repr__(self) -> str:
        once = [name for name in self.columns_ if name in self.request_columns_]
        return f"ServedRanker('{self.name}', {len(self.columns_)} columns, {len(once)} of them once per request)"

    @property
    def tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the heads, in the order of the score columns."""
        return tuple(self.like.tasks)

    def fit_rows(self, *rows: Any, **options: Any) -> Self:
        """Raises: StageError, always."""
        raise StageError("A served ranker does not learn.", hint="Teach the one that twin() gives.")

    def twin(self) -> Any:
        """The ranker it stands for, not fitted; it needs torch to learn."""
        return type(self.like)(**self.config.model_dump())

    def score_rows(self, requests: Requests, candidates: Candidates) -> Floats:
        """See `Ranker`; behaviour models read the history of each request too."""
        return self.score_matrix(self.like.rows_of(requests, candidates))

    def score_matrix(self, x: Any) -> Floats:
        """float64[N] (or [N, T]), what the published ranker says of its rows."""
        logit = self._net.run(self.like.runs(x, self._net.once), self.like.encoder(x))
        score: Floats = self.like.answer(logit, x)
        return score

    @property
    def unseen_rows(self) -> int:
        """Rows scored since loading whose scenario was not in the training rows, or missing; 0 without scenarios."""
        return int(getattr(self.like, "unseen_rows", 0))

    def importance(self) -> dict[str, float]:
        """As the published ranker said."""
        return dict(self.like.importance())

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Copy the files it was loaded from."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if path.is_file():
                shutil.copyfile(path, Path(folder) / path.name)


def _likeness(name: str, folder: Path) -> Any:
    """The published ranker without its network: its settings, what it learned, and what its logits mean.

    Raises:
        BundleCorrupt: a file is missing or unreadable.
        StageError: it is of a kind that says nothing without its network.
    """
    kind = load_row(name, "ranker")
    if not hasattr(kind, "load_state"):
        raise StageError(f"{kind.__name__} cannot be read without its network.")
    return kind.load_state(folder)


def load_served(name: str, folder: Path) -> ServedRanker | None:
    """The ranker of a published folder as a graph, or None where torch should serve.

    That is where there is no graph, where it cannot be used here (the log says why), and where the ranker is faster in
    torch and torch is installed.

    Raises:
        BundleCorrupt: a file is missing or unreadable.
    """
    if not (folder / GRAPH).exists():
        return None
    if getattr(load_row(name, "ranker"), "faster_in_torch", False) and find_spec("torch") is not None:
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
