"""From a spec and a world to a runner, and every wiring mistake found before the first request.

`build` decides `enabled` and `when`, creates each stage with only the parts of the world it declares in `needs`, and
checks that every column a stage requires is provided before it. Filters that need nothing beyond the merged table run
before the hydrators, because dropping a row early is cheaper than describing it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shortlist.core.errors import BadExpression, BadSpec, NotFitted, StageError, nearest_hint
from shortlist.core.registry import create, find
from shortlist.core.registry import load as load_row
from shortlist.features.spec import Declared, make_features
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import KINDS, MODEL_KINDS, PipelineSpec, declare, label_of, provided
from shortlist.pipeline.stages.base import Stage, World

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset

PARTS = ("history", "catalogue", "profiles", "models", "counts", "features", "ledger", "ids", "user_ids")
MAX_SOURCES = 63
"""Bits of the mask of origins, less one for the caller's own candidates."""


def offline_world(data: Dataset, models: Mapping[str, Any] | None = None, ledger: Any = None) -> World:
    """A world over a dataset: reads are as of the `now` of each request, as they are online.

    Args:
        data: events and tables.
        models: fitted models by the label the spec gives them.
        ledger: where decisions go, or None.
    """
    from shortlist.features.catalogue import ItemTable, UserTable
    from shortlist.features.counts import EventCounts
    from shortlist.features.history import HistoryState
    from shortlist.features.state import FeatureState

    state = FeatureState.from_dataset(data)
    return World(
        history=HistoryState.from_dataset(data),
        catalogue=ItemTable.from_dataset(data),
        profiles=UserTable.from_dataset(data),
        models=dict(models or {}),
        counts=EventCounts(state),
        features=state,
        ledger=ledger,
        ids=data.items,
        user_ids=data.users,
    )


def build(spec: PipelineSpec, world: World, *, until: str | None = None) -> Runner:
    """Wire a spec to a world.

    Args:
        spec: which stages.
        world: what they may read.
        until: "scorer" builds neither scorers nor what follows, for a world whose rankers are not fitted yet.

    Raises:
        BadSpec: a stage needs a column, a model or a part of the world that is not there; names the stage and what it
            lacks, and who could provide it.
    """
    if world.features is not None:
        world = replace(world, features=Declared(world.features, make_features(spec.feature)))
    stages: dict[str, list[Any]] = {section: [] for section in KINDS}
    left_out: list[tuple[str, str, str]] = []
    absent: set[str] = set()
    names: set[str] = set()
    for section in KINDS:
        if until == "scorer" and section in {"scorer", "selector", "reranker", "effect"}:
            continue
        for number, row in enumerate(spec.stages(section)):
            made = _make(row.use, section, row.config, world, f"{section} {number} ('{row.use}')")
            if isinstance(made, str):
                shell = declare(row, section)
                left_out.append((section, shell.name, made))
                absent.update(provided(shell, section))
                continue
            made.name = _unique(made.name, names)
            stages[section].append(made)
    _need_some(stages, spec, left_out)
    implied: list[tuple[str, dict[str, Any]]] = (
        [] if any(s.use == "exclude" for s in spec.filter) else [("exclude", {})]
    )
    implied += [("caller_filter", {})] if not any(s.use == "caller_filter" for s in spec.filter) else []
    rules = [_make(use, "filter", config, world, f"filter '{use}'") for use, config in implied]
    for rule in rules:
        rule.name = _unique(rule.name, names)
    stages["filter"] = [*rules, *stages["filter"]]
    _wire(spec, stages, world, absent)
    return Runner(spec, world, stages, left_out, absent)


def check(spec: PipelineSpec, data: Dataset) -> Runner:
    """Build a spec against a dataset without fitting anything; rankers count as not fitted.

    Raises:
        BadSpec: as `build`.
    """
    world = offline_world(data)
    extra = ("impressions",) if data.impressions is not None and len(data.impressions) else ()
    models = {
        model.label: create(model.use, *MODEL_KINDS, **model.config)
        for model in spec.model
        if find(model.use, *MODEL_KINDS).kind == "retriever" and not unmet(model.when, world, extra)
    }
    return build(spec, replace(world, models=models))


def validate(spec: PipelineSpec, world: World) -> list[StageRow]:
    """Check a spec against a world without running it; the rows of `shortlist pipeline show`.

    Raises:
        BadSpec: as `build`.
    """
    return describe(build(spec, world))


@dataclass(frozen=True, slots=True)
class StageRow:
    """One line about a stage of a built pipeline: what it reads, what it adds, or why it was left out."""

    section: str
    name: str
    use: str
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    left_out: str = ""


def describe(runner: Runner) -> list[StageRow]:
    """What was built, in the order in which it runs, then what was left out and why."""
    out = []
    for section, stages in runner.stages.items():
        for stage in stages:
            where = "filter" if section == "early" else section
            out.append(StageRow(where, stage.name, type(stage).__name__, tuple(stage.requires), tuple(stage.provides)))
    return out + [StageRow(section, name, "", left_out=reason) for section, name, reason in runner.left_out]


def unmet(when: Iterable[str], world: World, extra: Iterable[str] = ()) -> str:
    """The first condition that does not hold, or "". `extra` are further names that count as present."""
    columns = {*world.catalogue.names(), *extra}
    for condition in when:
        if not any(_holds(option.strip(), columns, world) for option in condition.split("|")):
            return condition
    return ""


def _holds(option: str, columns: set[str], world: World) -> bool:
    kind, _, name = option.rpartition(":")
    if kind == "model":
        return name in world.models
    if kind == "profile":
        return name in world.profiles.names()
    if kind:
        raise BadSpec(
            f"The condition '{option}' is of no known kind.",
            hint="Write a column, 'model:<label>' or 'profile:<name>'.",
        )
    return name in columns


def _make(use: str, section: str, config: Mapping[str, Any], world: World, where: str) -> Any:
    """The stage, or the reason why it is left out."""
    cls = load_row(use, KINDS[section])
    settings = cls.Config.parse(config, where=where)
    if not settings.enabled:
        return "disabled"
    missing = unmet(settings.when, world)
    if missing:
        return f"needs {missing}"
    label = getattr(settings, "model", "")
    if label and label not in world.models:
        raise BadSpec(
            f"{where} needs the model '{label}', which is not fitted.",
            hint=f'Fit it, or let the stage depend on it with when = ["model:{label}"]. '
            + nearest_hint(label, world.models),
            field="model",
        )
    hidden: dict[str, Any] = {part: _Undeclared(part, use) for part in PARTS if part not in cls.needs}
    allowed = replace(world, **hidden)
    try:
        stage: Stage = cls(allowed, label=label_of(section, use, str(label or "")), **dict(config))
    except (NotFitted, BadExpression) as error:
        raise BadSpec(f"{where}: {error.message}", hint=error.hint) from None
    return stage


def _unique(name: str, taken: set[str]) -> str:
    """`name`, or `name_2` and so on if a stage before has it."""
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique)
    return unique


def _need_some(stages: dict[str, list[Any]], spec: PipelineSpec, left_out: list[tuple[str, str, str]]) -> None:
    if not stages["source"]:
        reasons = "; ".join(f"{name}: {why}" for section, name, why in left_out if section == "source")
        raise BadSpec(
            f"Pipeline '{spec.name}' has no source left ({reasons or 'none given'}).",
            hint='Add one that always works: [[source]] use = "popular".',
        )
    if len(stages["source"]) > MAX_SOURCES:
        raise BadSpec(f"A pipeline has at most {MAX_SOURCES} sources.", hint="Merge some into one model.")


def _wire(spec: PipelineSpec, stages: dict[str, list[Any]], world: World, absent: set[str]) -> None:
    """Order the filters and check that every required column is there in time."""
    query: set[str] = set()
    for stage in stages["query"]:
        _check(stage, "query", query, stages, world)
        query |= set(stage.provides)
    merged = {"sources", "score.merge", *(f"score.{stage.name}" for stage in stages["source"])}
    for stage in (*stages["source"], *stages["merge"]):
        _check(stage, "source", query, stages, world)
    early = [stage for stage in stages["filter"] if set(stage.requires) <= query | merged]
    stages["filter"] = [stage for stage in stages["filter"] if stage not in early]
    ordered = {"query": stages["query"], "source": stages["source"], "merge": stages["merge"], "early": early}
    for section in ("hydrator", "filter", "scorer", "selector", "reranker", "effect"):
        ordered[section] = stages[section]
    have = query | merged
    for section in ("early", "hydrator", "filter", "scorer", "selector", "reranker", "effect"):
        for stage in ordered[section]:
            _check(stage, section, have, stages, world)
            _check(stage, section, have | absent, stages, world, stage.uses)
            have |= set(stage.provides)
            if stage.optional and section == "hydrator" and not set(stage.provides) <= set(stage.defaults):
                raise BadSpec(
                    f"Hydrator '{stage.name}' is optional but has no default for all of its columns.",
                    hint="Declare `defaults`, or make it not optional.",
                )
        if section == "scorer" and "score" not in have and ordered["selector"]:
            raise BadSpec(
                f"No scorer of pipeline '{spec.name}' provides the column 'score'.",
                hint='Add: [[scorer]] use = "blend".',
            )
    stages.clear()
    stages.update(ordered)


def _check(
    stage: Any,
    section: str,
    have: set[str],
    stages: dict[str, list[Any]],
    world: World,
    columns: Iterable[str] | None = None,
) -> None:
    for column in stage.requires if columns is None else columns:
        if column in have:
            continue
        kind = "filter" if section == "early" else section
        raise BadSpec(
            f"{kind.capitalize()} '{stage.name}' needs the column '{column}', which nothing before it provides.",
            hint=_provider(column, have, stages, world),
            field=column,
        )


def _provider(column: str, have: set[str], stages: dict[str, list[Any]], world: World) -> str:
    """Who could provide the column."""
    for section, built in stages.items():
        for stage in built:
            if column in stage.provides:
                return f"The {section} '{stage.name}' provides it: move that before this stage."
    if column in world.catalogue.names():
        return f'Add: [[hydrator]] use = "item_columns", columns = ["{column}"].'
    if column in world.profiles.names():
        return f'Add: [[query]] use = "profile", columns = ["{column}"].'
    kind, _, label = column.partition(".")
    if kind == "score" and label in world.models:
        return f'Add: [[hydrator]] use = "model_score", model = "{label}".'
    return nearest_hint(column, {*have, *world.catalogue.names()})


class _Undeclared:
    """Stands for a part of the world that a stage did not ask for."""

    def __init__(self, part: str, stage: str) -> None:
        self._part, self._stage = part, stage

    def __getattr__(self, name: str) -> Any:
        raise StageError(
            f"Stage '{self._stage}' reads world.{self._part} without declaring it in `needs`.",
            hint=f"Add '{self._part}' to the stage's `needs`.",
        )

    __getitem__ = __getattr__
