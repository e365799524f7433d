"""A leaderboard as data: which data, which protocol, which rows. Read from `boards/*.toml` or put together by the CLI.

A number without its settings cannot be repeated, so the settings are a file. Unknown keys, models, protocols and
settings are refused with the nearest name before any data is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from shortlist.core import registry
from shortlist.core.config import Config
from shortlist.core.errors import BadConfig, BadSpec, ShortlistError
from shortlist.core.specfile import read_spec, shipped, toml_values
from shortlist.data.dataset import Dataset
from shortlist.data.splits import RowSplit, Split, split
from shortlist.evaluation.evaluator import METRICS
from shortlist.evaluation.leaderboard import BASELINES, Entry, Leaderboard, leaderboard


class RowSpec(Config):
    """One line of the board."""

    label: str
    """What the line is called."""
    model: str
    """Registry name."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the model."""
    seeds: int = Field(1, ge=1, le=100)
    """Fits whose figures are averaged."""


class BoardSpec(Config):
    """A leaderboard before it is run."""

    name: str = "board"
    """What the board is called."""
    about: str = ""
    """One sentence for people who choose."""
    data: str
    """Name of a known data set, or a path."""
    protocol: str = "leave-last-out"
    """Named protocol."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the protocol."""
    strict: bool = False
    """Fit on all but the last two events instead of all but the last (protocol leave-last-out)."""
    k: int = Field(10, ge=1, le=500)
    """List length."""
    seed: int = 0
    """Of fits, requests and bootstrap draws."""
    metrics: tuple[str, ...] = METRICS
    """Registry names of metrics of lists."""
    filter_seen: bool = True
    """Whether items of the history are left out."""
    ties: Literal["pessimistic", "mean", "served"] = "pessimistic"
    """How equal scores are broken."""
    intervals: int = Field(1000, ge=0, le=100_000)
    """Bootstrap draws; 0 gives no intervals."""
    baselines: bool = True
    """Add random, popularity and item-kNN where they are missing."""
    row: tuple[RowSpec, ...] = ()
    """The lines; none gives the baselines alone."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "board") -> Self:
        """Parse and check plain values.

        Raises:
            BadSpec: an unknown key, model, protocol, metric or setting, with the nearest valid name.
        """
        try:
            rows = values.get("row", ())
            if isinstance(rows, Mapping) or not isinstance(rows, Sequence):
                raise BadConfig(f"{where}: 'row' must be a list of tables.", hint="Write [[row]].", field="row")
            parsed = tuple(RowSpec.parse(row, where=f"{where}, row {i + 1}") for i, row in enumerate(rows))
            spec = cls.parse({**values, "row": parsed}, where=where)
            spec.check()
        except BadSpec:
            raise
        except ShortlistError as error:
            raise BadSpec(f"{where}: {error.message}", hint=error.hint, field=error.field) from None
        return spec

    def check(self) -> None:
        """Raises: UnknownName, BadConfig for names and settings that do not exist."""
        registry.find(self.protocol, "protocol")
        for metric in self.metrics:
            registry.find(metric, "metric")
        labels = [row.label for row in self.row]
        for label in labels:
            if labels.count(label) > 1:
                raise BadConfig(f"Two rows are called '{label}'.", hint="Give each row its own label.", field="label")
        for row in self.row:
            registry.find(row.model, "retriever")

    def with_changes(self, **changes: Any) -> Self:
        """The board with other settings, as flags of the command line ask for (`k=20`, `strict=True`).

        Raises:
            BadSpec: see `from_dict`.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        rows = [row.model_dump() for row in self.row]
        return type(self).from_dict({**values, "row": rows, **changes}, where=f"board '{self.name}'")

    @property
    def protocol_options(self) -> dict[str, Any]:
        """Options handed to the protocol, `strict` among them."""
        return {**self.options, **({"strict": True} if self.strict else {})}


def load_board(source: str | Path) -> BoardSpec:
    """Read a board from a file, or a shipped one by its name ("book").

    Raises:
        BadSpec: no such file or name, not TOML, or its content is at fault.
    """
    path, text = read_spec(source, "board")
    where = f"board file '{path.name}'"
    return BoardSpec.from_dict({"name": path.stem, **toml_values(text, where=where)}, where=where)


def shipped_boards() -> dict[str, Path]:
    """Files of the boards that come with the package, by name."""
    return shipped("board")


def board_of(models: Sequence[str] = BASELINES, **settings: Any) -> BoardSpec:
    """A board of models with their default settings, as `--data NAME --models a,b` asks for.

    Args:
        models: registry names.
        settings: other fields of `BoardSpec`; `data` is needed.

    Raises:
        BadSpec: see `BoardSpec.from_dict`.
    """
    rows = [{"label": model, "model": model} for model in dict.fromkeys(models)]
    return BoardSpec.from_dict({**settings, "row": rows})


def run_board(
    spec: BoardSpec,
    *,
    data: Dataset | None = None,
    threads: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
) -> Leaderboard:
    """Load the data, split it and run every row.

    Args:
        spec: what to run.
        data: instead of loading `spec.data`.
        threads: cores a fit may use.
        progress: called with (rows done, rows in all, label of the next row).

    Raises:
        UnknownName, SchemaMismatch, BadRow: the data cannot be read.
        BadConfig: the protocol does not fit the data, or judges rows instead of lists.
    """
    if data is None:
        from shortlist.data.catalog import load

        data = load(spec.data)
    made: Split | RowSplit = split(data, spec.protocol, **spec.protocol_options)
    if not isinstance(made, Split):
        raise BadConfig(
            f"Protocol '{spec.protocol}' judges single rows, not lists.",
            hint="Use leave-last-out, global-time or strong-gen for a leaderboard.",
            field="protocol",
        )
    return leaderboard(
        [Entry(row.label, row.model, row.config, row.seeds) for row in spec.row],
        made,
        k=spec.k,
        metrics=spec.metrics,
        seed=spec.seed,
        baselines=spec.baselines,
        filter_seen=spec.filter_seen,
        ties=spec.ties,
        intervals=spec.intervals,
        threads=threads,
        progress=progress,
        name=spec.name,
    )
