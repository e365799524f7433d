"""Contract checks for stages: what every stage must do, whatever it decides.

`STAGE_CHECKS` holds functions that take a `Case` (a built stage with requests and candidates to work on) and raise
AssertionError when a promise breaks. `case(kind, use, **config)` makes one for any registry row, plug-ins included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.registry import create, load
from shortlist.core.types import Array, Candidates, History, Hits, Requests, Slates, Trace
from shortlist.pipeline import checks
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.merge import Lists, stack
from shortlist.pipeline.spec import KINDS, SINGLE, PipelineSpec
from shortlist.pipeline.stages.base import World
from shortlist.testing.worlds import requests_for, small_log

SECTION_OF: Mapping[str, str] = {kind: section for section, kind in KINDS.items()}
RANKER_COLUMNS = ("score.trails", "score.content")


@dataclass(frozen=True)
class Case:
    """A built stage and what it works on.

    Attributes:
        stage: with only the parts of the world that it declares.
        section: where it stands in a spec.
        requests: with histories.
        table: candidates with the columns that sources, merge, hydrators and a scorer give.
        lists: the sources' lists behind the table, for mergers.
        ledger: what effects recorded.
    """

    stage: Any
    section: str
    requests: Requests
    table: Candidates
    lists: Lists
    ledger: list[Any]


class Ledger:
    """Keeps decisions in a list."""

    def __init__(self) -> None:
        self.decisions: list[Any] = []

    def record(self, *decisions: Any) -> None:
        """Take decisions."""
        self.decisions.extend(decisions)


class Watched(dict[str, Array]):
    """Columns that remember which of them were read."""

    def __init__(self, cols: Mapping[str, Array]) -> None:
        super().__init__(cols)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict, and remembered."""
        self.read.add(name)
        return super().get(name, default)

    def items(self) -> Any:
        """All of them: who copies the table along reads nothing."""
        return super().items()

    def keys(self) -> Any:
        """Names alone are free."""
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


@cache
def _parts() -> tuple[Any, World, Requests, Candidates, Lists]:
    data = small_log()
    ctx = FitContext(threads=1)
    models = {label: create(label, "retriever").fit(data, ctx) for label in ("trails", "content", "markov")}
    requests = requests_for(data, list(range(12)), k=5)
    ids = np.array([f"r{b}" for b in range(len(requests))], object)
    requests = requests.with_columns({"request_id": ids, "age": np.linspace(20.0, 70.0, len(requests))})
    found = [(label, models[label].retrieve(requests, 20)) for label in ("trails", "content")]
    table, lists = stack(found, len(requests), data.n_items)
    rng = np.random.default_rng(0)
    columns: dict[str, Array] = {
        "score.merge": rng.random(len(table)),
        "score": rng.random(len(table)).round(1),
        "category": np.asarray(data.item_table["category"].to_list(), object)[table.item],  # type: ignore[index]
        "price": rng.uniform(1, 20, len(table)),
        "age_h": rng.uniform(0, 100, len(table)),
    }
    table = table.with_columns(columns)
    rows = {name: np.nan_to_num(table.cols[name]) for name in RANKER_COLUMNS}
    label = (rng.random(len(table)) < 0.3).astype(np.float64)
    ranker = create("logistic", "ranker", columns=RANKER_COLUMNS)
    models["ranker"] = ranker.fit_rows(rows, label, table.row.astype(np.int64), ctx)
    return data, offline_world(data, models), requests, table, lists


def case(kind: str, use: str, **config: Any) -> Case:
    """A stage of the registry, built the way pipelines build it.

    Args:
        kind: registry kind ("filter", "reranker", ...).
        use: registry name.
        config: its settings.
    """
    _, world, requests, table, lists = _parts()
    ledger = Ledger()
    section = SECTION_OF[kind]
    row = {"use": use, **config}
    spec: dict[str, Any] = {
        "name": "check",
        "model": [{"label": label, "use": label} for label in ("trails", "content", "markov")]
        + [{"label": "ranker", "use": "logistic"}],
        "query": [{"use": "history"}, {"use": "profile", "columns": ["age"]}],
        "source": [{"use": "model", "model": "trails"}, {"use": "model", "model": "content"}],
        "hydrator": [
            {"use": "model_score", "model": "trails"},
            {"use": "model_score", "model": "content"},
            {"use": "item_columns", "columns": ["category", "price"]},
        ],
        "scorer": [{"use": "blend", "weights": {"score.trails": 1.0}}],
    }
    if section in SINGLE:
        spec[section] = row
    else:
        same = [held for held in spec.get(section, []) if held != row and held["use"] != use]
        spec[section] = [*same, row]
    runner = build(PipelineSpec.from_dict(spec), replace(world, ledger=ledger))
    wanted = load(use, kind)
    stage = next(s for stages in reversed(runner.stages.values()) for s in reversed(stages) if type(s) is wanted)
    return Case(stage, section, requests, table, lists, ledger.decisions)


def _answer(one: Case, requests: Requests, table: Candidates, lists: Lists) -> list[Any]:
    """What the stage says, checked as the runner checks it, as one comparable value per request."""
    stage, n = one.stage, len(table)
    if one.section == "query":
        if hasattr(stage, "history"):
            found: History = stage.history(requests)
            return [found.one(b).tolist() for b in range(len(requests))]
        cols = checks.columns(stage, stage.columns(requests), len(requests))
        return [{name: _plain(col[b : b + 1]) for name, col in cols.items()} for b in range(len(requests))]
    if one.section == "source":
        hits = checks.hits(stage, stage.fetch(requests), len(requests), _parts()[0].n_items)
        return [
            list(zip(hits.item[hits.row == b], hits.score[hits.row == b], strict=True)) for b in range(len(requests))
        ]
    if one.section == "merge":
        weight = stage.weigh(requests, table, lists)
        assert weight.shape == (n,), "one weight per row"
        return [_plain(weight[table.row == b]) for b in range(len(requests))]
    if one.section == "filter":
        keep = checks.mask(stage, stage.keep(requests, table), n)
        return [keep[table.row == b].tolist() for b in range(len(requests))]
    if one.section in {"hydrator", "scorer"}:
        ask = stage.columns if one.section == "hydrator" else stage.score
        cols = checks.columns(stage, ask(requests, table), n, scores=one.section == "scorer")
        return [{name: _plain(col[table.row == b]) for name, col in cols.items()} for b in range(len(requests))]
    if one.section == "effect":
        before = len(one.ledger)
        slates = Slates(table, np.ones(n), ("trails", "content"), Trace("hash"))
        stage.apply(requests, slates, Trace("hash"))
        return [{key: _plain_value(value) for key, value in row.items()} for row in one.ledger[before:]]
    order = checks.order(stage, stage.order(requests, table), table.row)
    return [table.item[order.index[table.row[order.index] == b]].tolist() for b in range(len(requests))]


def answers_pass_the_runners_checks(one: Case) -> None:
    """Shapes, types and declared names are as promised."""
    said = _answer(one, one.requests, one.table, one.lists)
    assert len(said) == len(one.requests), "one answer per request"


def one_equals_many(one: Case) -> None:
    """A request alone gets exactly what it gets in a batch."""
    whole = _answer(one, one.requests, one.table, one.lists)
    for b in range(0, len(one.requests), 3):
        requests = one.requests.take(np.array([b]))
        assert _answer(one, requests, one.table.one(b), _lists_of(one.lists, one.table, b)) == [whole[b]]


def leaves_its_input_alone(one: Case) -> None:
    """A stage returns; it does not write into the table or the requests."""
    cols = {name: col.copy() for name, col in one.table.cols.items()}
    item, history = one.table.item.copy(), one.requests.history.item.copy()
    _answer(one, one.requests, one.table, one.lists)
    assert item.tolist() == one.table.item.tolist()
    assert history.tolist() == one.requests.history.item.tolist()
    for name, before in cols.items():
        assert _plain(before) == _plain(one.table.cols[name]), f"the column '{name}' was changed"


def reads_only_declared_columns(one: Case) -> None:
    """What is read stands in `requires` or `uses`, so that a missing column is found before serving."""
    watched = Watched(one.table.cols)
    table = Candidates(one.table.row, one.table.item, one.table.n_requests, watched)
    _answer(one, one.requests, table, one.lists)
    declared = {*one.stage.requires, *one.stage.uses}
    # Effects get the finished slate; mergers the mask of origins, which comes with every stacked table; scorers may
    # let a score stand that an earlier one gave, if one did.
    always = {"effect": {"score", "sources"}, "merge": {"sources"}, "scorer": {"score"}}
    own: set[str] = always.get(one.section, set())
    if "catalogue" in one.stage.needs:
        # A catalogue column may be read from the table, which holds the same facts closer by.
        own = own | set(_parts()[1].catalogue.names())
    assert watched.read <= declared | own, f"read {sorted(watched.read - declared - own)} without declaring it"


def no_candidates_give_no_rows(one: Case) -> None:
    """An empty table is a table."""
    nothing = one.table.take(np.zeros(len(one.table), bool))
    hits = Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))
    place = np.empty(0, np.int64)
    lists = Lists(one.lists.names, (hits,) * len(one.lists.names), (place,) * len(one.lists.names), 0)
    assert len(_answer(one, one.requests, nothing, lists)) == len(one.requests)


def refuses_unknown_settings(one: Case) -> None:
    """A typing mistake in a spec is an error that names the setting."""
    try:
        type(one.stage).Config.parse({**one.stage.config.model_dump(), "no_such_setting": 1}, where="stage")
    except BadConfig as error:
        if error.field == "no_such_setting":
            return
    raise AssertionError("an unknown setting was accepted")


STAGE_CHECKS: Mapping[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        answers_pass_the_runners_checks,
        one_equals_many,
        leaves_its_input_alone,
        reads_only_declared_columns,
        no_candidates_give_no_rows,
        refuses_unknown_settings,
    )
}


def _lists_of(lists: Lists, table: Candidates, b: int) -> Lists:
    """The sources' lists of one request, renumbered as a batch of one."""
    start, stop = np.searchsorted(table.row, [b, b + 1])
    hits, places = [], []
    for held, place in zip(lists.hits, lists.place, strict=True):
        mine = held.row == b
        hits.append(Hits(np.zeros(int(mine.sum()), np.int32), held.item[mine], held.score[mine]))
        places.append(place[mine] - start)
    return Lists(lists.names, tuple(hits), tuple(places), int(stop - start))


def _plain(column: Array) -> list[Any]:
    """Values that compare equal to themselves, NaN included."""
    return [_plain_value(value) for value in column.tolist()]


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(one) for one in value]
    return "nan" if isinstance(value, float) and np.isnan(value) else value
