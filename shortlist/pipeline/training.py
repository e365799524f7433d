"""Training rows for rankers, made by the same pipeline that serves.

Past impressions become requests with `now` = the time they were shown and the shown items as given candidates; the
pipeline runs up to the scorer and its columns are the features. There is no second feature script, so what a ranker
learns from is what it will see. Where the data has no impressions, they are made up: what the pipeline would have
retrieved at the moment of a past event, of which the event's item was the one that mattered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.contracts import Shown
from shortlist.core.errors import BadSpec, nearest_hint
from shortlist.core.types import Array, Candidates, Floats, History, Ints, Requests
from shortlist.data.dataset import Impressions
from shortlist.pipeline.blocks import join_requests
from shortlist.pipeline.outcomes import CLICK, outcomes
from shortlist.pipeline.run import Runner

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset
    from shortlist.stores.base import Ledger


CHUNK = 512
"""Requests whose candidates are held at once while rows are made up."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a ranker learns from.

    Attributes:
        columns: float64[N] by name.
        label: float64[N], 1 where clicked.
        group: int64[N], the impression of each row, ascending.
        labels: float64[N] by name, what became of the item later as the spec's `[training.labels]` say, NaN where it is
            not known yet.
        shown: the requests that `group` numbers, with the history that the pipeline read for them, and the items.
        logged: bool[N], whether a row's columns are those that were logged when it was shown; None if not asked.
    """

    columns: Mapping[str, Floats]
    label: Floats
    group: Ints
    shown: Shown
    logged: Array | None = None
    labels: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def item(self) -> Ints:
        """int64[N]."""
        return self.shown.item

    def take(self, rows: Array) -> TrainingRows:
        """Rows chosen by a bool[N] mask; the requests stay."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        logged = None if self.logged is None else self.logged[rows]
        labels = {name: label[rows] for name, label in self.labels.items()}
        return TrainingRows(columns, self.label[rows], self.group[rows], self.shown.take(rows), logged, labels)

    def lesson(self, tasks: Sequence[str]) -> Floats | dict[str, Floats]:
        """What a ranker of these tasks is taught: the clicks, or labels by name."""
        return self.label if tuple(tasks) == (CLICK,) else {CLICK: self.label, **self.labels}


def feature_columns(runner: Runner) -> tuple[str, ...]:
    """Columns that rankers may use: what hydrators provide, because only those are known for every candidate."""
    return tuple(dict.fromkeys(name for stage in runner.stages["hydrator"] for name in stage.provides))


def training_rows(
    runner: Runner,
    data: Dataset,
    impressions: Impressions,
    columns: Iterable[str] | None = None,
    *,
    ledger: Ledger | None = None,
) -> TrainingRows:
    """Features and labels of past impressions, each as of the moment before it was shown.

    Args:
        runner: built over models that were fitted on what lies before the impressions, or their scores know the labels.
        data: where the impressions come from.
        impressions: what was shown and clicked.
        columns: features to keep; None keeps every numeric column that a hydrator provides.
        ledger: decisions. Where the one that an impression shows was made by this very spec, its logged columns are
            taken instead of being computed again: they are what the decision was made of, late events and all.

    Returns:
        One row per shown item, an item shown twice in one impression once (clicked if either was).

    Raises:
        BadSpec: a column is unknown, or known only for the rows that a source brought.
    """
    known = feature_columns(runner)
    wanted = known if columns is None else tuple(columns)
    for name in wanted:
        if name not in known:
            raise BadSpec(
                f"A ranker cannot learn from the column '{name}', which no hydrator provides.",
                hint=nearest_hint(name, known) + " For a model's score add the hydrator model_score.",
                field="columns",
            )
    given = History(impressions.item, np.zeros(len(impressions.item)), impressions.offsets)
    requests = replace(Requests.of(impressions.user, now=impressions.at, k=1), given=given)
    slates = runner.run(requests, strict=True, until="scorer", skip=_filters(runner))
    table, asked = slates.candidates, slates.requests
    assert asked is not None
    label = _labels(table, impressions, data.n_items)
    numeric = _numeric(table, wanted)
    logged = None
    if ledger is not None:
        logged = np.zeros(len(table), bool)
    if ledger is not None and impressions.request is not None:
        logged = _take_logged(numeric, table, impressions.request, ledger, runner.spec.hash, data)
    group = table.row.astype(np.int64)
    position = _positions(table, impressions, data.n_items)
    who, when = impressions.user[group], impressions.at[group]
    later = outcomes(runner.spec.training.labels, data, who, table.item.astype(np.int64), when, label)
    return TrainingRows(numeric, label, group, Shown(asked, group, table.item, data, position), logged, later)


def retrieved_rows(
    runner: Runner,
    data: Dataset,
    user: Ints,
    now: Floats,
    wanted: History,
    *,
    candidates: int = 50,
    seed: int = 0,
) -> TrainingRows:
    """Rows for data without impressions: what was wanted, among others that the pipeline retrieved at that moment.

    Columns are those of the whole list of candidates, of which some rows are then drawn: what a column says about an
    item's place among the others is what it will say when serving.

    Args:
        runner: over a log in which nothing wanted can be read, and models that were fitted on no more.
        data: where users and items come from.
        user: int64[B].
        now: float64[B], just before the wanted item was taken.
        wanted: items of each request that count as clicked.
        candidates: rows per request, drawn from the retrieved ones; what was wanted is always among them.
        seed: source of the draw.

    Returns:
        Only requests of which something wanted was retrieved: a ranker cannot bring back what no source found.
    """
    known = feature_columns(runner)
    rng = np.random.default_rng(seed)
    parts: list[TrainingRows] = []
    for start in range(0, len(user), CHUNK):
        part = np.arange(start, min(start + CHUNK, len(user)))
        slates = runner.run(Requests.of(user[part], now=now[part], k=1), strict=True, until="scorer")
        table, requests = slates.candidates, slates.requests
        assert requests is not None
        asked = wanted.take(part)
        width = np.int64(max(table.item.max(initial=0), asked.item.max(initial=0)) + 1)
        hit = np.isin(table.row.astype(np.int64) * width + table.item, asked.row * width + asked.item)
        # A random order of each request's rows with the hits first, of which the first ones stay.
        shuffled = np.lexsort((rng.random(len(table)), ~hit, table.row))
        place = np.arange(len(table)) - table.offsets[table.row[shuffled]]
        found = np.bincount(table.row[hit], minlength=len(part)) > 0
        rows = np.sort(shuffled[(place < candidates) & found[table.row[shuffled]]])
        group = (np.cumsum(found) - 1)[table.row[rows]]
        shown = Shown(requests.take(np.flatnonzero(found)), group, table.item[rows], data)
        columns = {name: column[rows] for name, column in _numeric(table, known).items()}
        label, who = hit[rows].astype(np.float64), part[found][group]
        later = outcomes(runner.spec.training.labels, data, user[who], shown.item, now[who], label)
        parts.append(TrainingRows(columns, label, group, shown, labels=later))
    return join_rows(parts)


def join_rows(parts: Sequence[TrainingRows]) -> TrainingRows:
    """Rows of several lessons, one after another; at least one."""
    starts = np.cumsum([0, *(len(part.shown.requests) for part in parts)])[:-1]
    group = np.concatenate([part.group + start for part, start in zip(parts, starts, strict=True)])
    first = parts[0]
    places = [part.shown.position for part in parts]
    shown = Shown(
        join_requests([part.shown.requests for part in parts]),
        group,
        np.concatenate([part.item for part in parts]),
        first.shown.data,
        None if any(place is None for place in places) else np.concatenate([p for p in places if p is not None]),
    )
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in first.columns}
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels}
    return TrainingRows(columns, np.concatenate([part.label for part in parts]), group, shown, labels=labels)


def latest(impressions: Impressions, *, after: float, most: int) -> Impressions:
    """The last `most` impressions at or after a time, in file order."""
    inside = np.flatnonzero(impressions.at >= after)
    newest = inside[np.argsort(impressions.at[inside], kind="stable")][-most:]
    return impressions.take(np.sort(newest))


def _take_logged(
    columns: Mapping[str, Floats], table: Candidates, request: Array, ledger: Ledger, spec_hash: str, data: Dataset
) -> Array:
    """Write logged values over computed ones, in place; bool[N], the rows that have them."""
    taken = np.zeros(len(table), bool)
    offsets = table.offsets.tolist()
    for b, request_id in enumerate(request.tolist()):
        decision = ledger.get(request_id) if request_id else None
        if decision is None or decision.get("spec_hash") != spec_hash:
            continue
        logged = decision.get("columns", {})
        if not logged.keys() >= columns.keys():
            continue
        place = {item: j for j, item in enumerate(data.items.encode(decision["items"]).tolist())}
        start, stop = offsets[b], offsets[b + 1]
        found = [(n, place[i]) for n, i in enumerate(table.item[start:stop].tolist(), start) if i in place]
        rows, places = [n for n, _ in found], [j for _, j in found]
        for name, column in columns.items():
            values = np.array([np.nan if value is None else value for value in logged[name]], np.float64)
            column[rows] = values[places]
        taken[rows] = True
    return taken


def _filters(runner: Runner) -> tuple[str, ...]:
    return tuple(stage.name for section in ("early", "filter") for stage in runner.stages[section])


def _numeric(table: Candidates, names: Iterable[str]) -> dict[str, Floats]:
    """Those of the columns that are one number per row."""
    return {
        name: table.cols[name].astype(np.float64)
        for name in names
        if table.cols[name].dtype.kind in "fiub" and table.cols[name].ndim == 1
    }


def _positions(table: Candidates, impressions: Impressions, n_items: int) -> Ints:
    """int64[N], first place of the row's item in its impression."""
    width = max(1, n_items)
    keys, first = np.unique(impressions.row * width + impressions.item, return_index=True)
    at = first[np.searchsorted(keys, table.row.astype(np.int64) * width + table.item)]
    places: Ints = at - impressions.offsets[table.row]
    return places


def _labels(table: Candidates, impressions: Impressions, n_items: int) -> Floats:
    """float64[N], whether the row's item was clicked in its impression."""
    width = max(1, n_items)
    clicked: Array = impressions.clicked
    keys = impressions.row[clicked] * width + impressions.item[clicked]
    return np.isin(table.row.astype(np.int64) * width + table.item, keys).astype(np.float64)
