"""Contract checks for models: what every retriever and ranker must do, whatever it learns.

`MODEL_CHECKS`, `UPDATE_CHECKS` (for models that are `Updatable`) and `RANKER_CHECKS` hold functions that take a factory
and raise AssertionError when a promise breaks. A model that cannot keep one says so in its class attribute
`contract_exceptions = {"check_name": "reason"}`; the reasons are printed and counted, and the count may only shrink. A
model whose fit takes seconds at its defaults may name smaller settings for the checks in its class attribute
`contract_settings`; `checked_settings` reads it. Checks that only ask share one fit where they are given the very same
factory, so hand one factory to all checks of a model; a new one for every check is fitted for every check.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BadConfig, EmptyTraining, NotFitted, ShortlistError
from shortlist.core.types import Candidates, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.data.vocab import Vocab
from shortlist.models.base import CatalogueModel
from shortlist.testing.worlds import dataset_of, requests_for, small_log

Make = Callable[[], Any]
Check = Callable[[Make], None]

CTX = FitContext(seed=3, threads=1)


def checked_settings(kind: type) -> dict[str, Any]:
    """Settings to build a model with for the checks: its own `contract_settings`, or none."""
    return dict(getattr(kind, "contract_settings", {}))


def _blocks(make: Make) -> tuple[Any, Dataset, Requests]:
    data = small_log()
    return make().fit(data, CTX), data, requests_for(data)


_RETRIEVERS: WeakKeyDictionary[Make, tuple[Any, Dataset, Requests]] = WeakKeyDictionary()
_RANKERS: WeakKeyDictionary[Make, tuple[Any, Requests, Candidates]] = WeakKeyDictionary()


def _asked(make: Make) -> tuple[Any, Dataset, Requests]:
    """What `_blocks` gives, fitted once per factory: for checks that ask and change nothing."""
    if make not in _RETRIEVERS:
        _RETRIEVERS[make] = _blocks(make)
    return _RETRIEVERS[make]


def _raised(kind: type[ShortlistError], ask: Callable[[], Any]) -> ShortlistError:
    """The error of that kind which `ask` raises; a check fails when it raises none."""
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def _by_request(hits: Any, n: int) -> list[list[tuple[int, float]]]:
    out: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for row, item, score in zip(hits.row, hits.item, hits.score, strict=True):
        out[row].append((int(item), float(score)))
    return out


def config_round_trips(make: Make) -> None:
    """`get_params` rebuilds the same model, and unknown settings are refused."""
    model = make()
    again = type(model)(**model.get_params())
    assert again.get_params() == model.get_params()
    assert _raised(BadConfig, lambda: type(model)(no_such_setting=1)).field == "no_such_setting"


def refuses_questions_before_fit(make: Make) -> None:
    """Raises NotFitted, not an AttributeError."""
    _raised(NotFitted, lambda: make().retrieve(Requests.of([0]), 3))


def refuses_an_empty_log(make: Make) -> None:
    """Raises EmptyTraining without interactions."""
    data = small_log()
    _raised(EmptyTraining, lambda: make().fit(data.select(np.zeros(data.n_events, bool)), CTX))


def hits_are_well_formed(make: Make) -> None:
    """Sorted, unique within a request, in range, finite, at most k."""
    model, data, requests = _asked(make)
    hits = model.retrieve(requests, 7)
    assert len(hits), "no hits at all"
    assert (np.diff(hits.row) >= 0).all()
    assert ((hits.item >= 0) & (hits.item < data.n_items)).all()
    assert np.isfinite(hits.score).all(), "NaN means cannot score and never comes back"
    for rows in _by_request(hits, len(requests)):
        items = [item for item, _ in rows]
        scores = [score for _, score in rows]
        assert len(items) == len(set(items)) <= 7
        assert scores == sorted(scores, reverse=True)


def what_is_excluded_never_comes_back(make: Make) -> None:
    """A catalogue model that leaves items out while searching gives the list that dropping them afterwards gives."""
    model, data, requests = _asked(make)
    if not isinstance(model, CatalogueModel):
        return
    everything = _by_request(model.retrieve(requests, data.n_items), len(requests))
    rng = np.random.default_rng(0)
    banned = History.of(
        [rng.integers(-2, data.n_items + 3, rng.integers(0, 12)).tolist() for _ in range(len(requests))]
    )
    found = _by_request(model.retrieve(requests, 6, exclude=banned), len(requests))
    for b, rows in enumerate(everything):
        out = set(banned.one(b).tolist())
        assert found[b] == [(item, score) for item, score in rows if item not in out][:6]


def unknown_users_and_items_never_raise(make: Make) -> None:
    """A user nobody knows, an item newer than the fit and an empty history give an answer or none, never an error."""
    model, data, _ = _asked(make)
    history = History.of([[], [data.n_items + 5], [0, data.n_items + 5, -1, 1], [0, 1]])
    requests = Requests.of([-1, data.n_users + 9, 0, -1], now=requests_for(data).now[0], history=history)
    hits = model.retrieve(requests, 5)
    assert (hits.item < data.n_items).all()
    known_only = History.of([[], [], [0, 1], [0, 1]], [[], [], history.at[[1, 3]].tolist(), history.at[4:].tolist()])
    again = model.retrieve(requests.with_history(known_only), 5)
    for b in (0, 1):
        assert _by_request(hits, 4)[b] == _by_request(again, 4)[b], "an unknown item changed the answer"


def one_equals_many(make: Make) -> None:
    """A request alone gets exactly the list it gets inside a batch."""
    model, _, requests = _asked(make)
    batch = _by_request(model.retrieve(requests, 10), len(requests))
    for b in range(0, len(requests), 7):
        alone = _by_request(model.retrieve(requests.take(np.array([b])), 10), 1)[0]
        assert alone == batch[b]


def scoring_rows_agrees_with_retrieval(make: Make) -> None:
    """`score` of retrieved rows equals their retrieval score, and scores nothing for items it does not know."""
    model, data, requests = _asked(make)
    hits = model.retrieve(requests, 5)
    scores = model.score(requests, Candidates(hits.row, hits.item, len(requests)))
    assert scores.shape == (len(hits), len(model.tasks))
    np.testing.assert_allclose(scores[:, 0], hits.score, rtol=1e-5, atol=1e-6)
    strange = Candidates(np.zeros(2, np.int32), np.array([data.n_items + 3, -1]), len(requests))
    assert np.isnan(model.score(requests, strange)).all()


def empty_candidates_give_empty_scores(make: Make) -> None:
    """No rows in, no rows out."""
    model, _, requests = _asked(make)
    nothing = Candidates(np.empty(0, np.int32), np.empty(0, np.int64), len(requests))
    assert model.score(requests, nothing).shape == (0, len(model.tasks))


def refit_forgets(make: Make) -> None:
    """A second fit gives what a fresh model gives."""
    fresh, data, requests = _asked(make)
    model = make().fit(small_log(seed=1), CTX).fit(data, CTX)
    assert _by_request(model.retrieve(requests, 8), 40) == _by_request(fresh.retrieve(requests, 8), 40)


def same_seed_same_answer(make: Make) -> None:
    """Two fits with one seed agree exactly."""
    (one, _, requests), (two, _, _) = _asked(make), _blocks(make)
    assert _by_request(one.retrieve(requests, 8), 40) == _by_request(two.retrieve(requests, 8), 40)


def save_and_load_keep_the_answer(make: Make) -> None:
    """A loaded model answers exactly like the saved one, and its files hold no objects."""
    model, _, requests = _asked(make)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        names = {path.suffix for path in Path(folder).rglob("*") if path.is_file()}
        assert not names & {".pkl", ".pickle", ".joblib", ".bin", ".pt"}
        again = type(model).load(Path(folder))
    assert again.get_params() == model.get_params()
    assert _by_request(again.retrieve(requests, 8), 40) == _by_request(model.retrieve(requests, 8), 40)


def relabelling_items_relabels_answers(make: Make) -> None:
    """Item numbers carry no meaning: permuting them permutes the scores."""
    model, data, requests = _asked(make)
    shuffle = np.random.default_rng(5).permutation(data.n_items)
    events = replace(data.interactions, item=shuffle[data.interactions.item])
    ids = [""] * data.n_items
    for old, new in enumerate(shuffle):
        ids[new] = data.items.ids[old]
    table = data.item_table[np.argsort(shuffle).tolist()] if data.item_table is not None else None
    other = Dataset(data.name, events, data.users, Vocab(ids), table, data.user_table, None)
    moved = make().fit(other, CTX)
    before = _by_request(model.retrieve(requests, data.n_items), 40)
    after = _by_request(moved.retrieve(requests_for(other), data.n_items), 40)
    for one, two in zip(before, after, strict=True):
        left = {int(shuffle[item]): score for item, score in one}
        right = dict(two)
        assert left.keys() == right.keys()
        np.testing.assert_allclose([left[i] for i in left], [right[i] for i in left], rtol=1e-4, atol=1e-6)


MODEL_CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        config_round_trips,
        refuses_questions_before_fit,
        refuses_an_empty_log,
        hits_are_well_formed,
        what_is_excluded_never_comes_back,
        unknown_users_and_items_never_raise,
        one_equals_many,
        scoring_rows_agrees_with_retrieval,
        empty_candidates_give_empty_scores,
        refit_forgets,
        same_seed_same_answer,
        save_and_load_keep_the_answer,
        relabelling_items_relabels_answers,
    )
}


# --- models that learn from single events ----------------------------------------------------------------------------


def _cut_log() -> tuple[Dataset, Dataset]:
    """A log, and the earlier part of it with the users and items of that part alone."""
    full = small_log()
    known_users, known_items = 34, 27
    events = full.interactions
    early = (events.user < known_users) & (events.item < known_items) & (np.arange(len(events)) % 3 > 0)
    items = None if full.item_table is None else full.item_table[:known_items]
    users = None if full.user_table is None else full.user_table[:known_users]
    vocabularies = (Vocab(full.users.ids[:known_users]), Vocab(full.items.ids[:known_items]))
    return full, Dataset("early", events.take(early), *vocabularies, items, users, None)


def _later(full: Dataset) -> Any:
    """The events that `_cut_log` left out, in no order."""
    events = full.interactions
    early = (events.user < 34) & (events.item < 27) & (np.arange(len(events)) % 3 > 0)
    return events.take(np.random.default_rng(7).permutation(np.flatnonzero(~early)))


def _same_answers(one: Any, two: Any, requests: Requests) -> None:
    left = _by_request(one.retrieve(requests, 40), len(requests))
    right = _by_request(two.retrieve(requests, 40), len(requests))
    for mine, theirs in zip(left, right, strict=True):
        assert {item for item, _ in mine} == {item for item, _ in theirs}
        scores = dict(theirs)
        np.testing.assert_allclose([s for _, s in mine], [scores[i] for i, _ in mine], rtol=1e-5, atol=1e-7)


def updates_need_a_fit(make: Make) -> None:
    """Raises NotFitted."""
    _raised(NotFitted, lambda: make().update(small_log().interactions))


def one_update_equals_many(make: Make) -> None:
    """n events in one call give the state of n calls."""
    full, early = _cut_log()
    events = _later(full)
    at_once = make().fit(early, CTX).update(events)
    one_by_one = make().fit(early, CTX)
    for event in range(len(events)):
        one_by_one.update(events.take(np.array([event])))
    assert (at_once.n_users_, at_once.n_items_) == (one_by_one.n_users_, one_by_one.n_items_)
    _same_answers(at_once, one_by_one, requests_for(full))


def an_update_equals_a_refit(make: Make) -> None:
    """Late and unordered events of known and new users and items give the state of a fit, or the model says why not."""
    full, early = _cut_log()
    model = make().fit(early, CTX).update(_later(full))
    assert (model.n_users_, model.n_items_) == (full.n_users, full.n_items)
    why = getattr(model, "inexact_updates", "")
    if why:
        assert len(why) > 15, "an approximation needs a reason"
        return
    _same_answers(model, make().fit(full, CTX), requests_for(full))


def new_items_become_candidates(make: Make) -> None:
    """An item that came after the fit can be recommended once somebody had it."""
    _, early = _cut_log()
    model = make().fit(early, CTX)
    n, at = early.n_items, float(early.interactions.at.max())
    users = np.repeat(early.n_users + np.arange(3), 2)
    times = at + 60.0 * (1 + np.arange(6))
    events = replace(
        early.interactions.take(np.arange(6)),
        user=users,
        item=np.tile([0, n], 3),
        at=times,
        value=np.ones(6, np.float32),
    )
    ask = Requests.of([-1], now=at + 1000.0, history=History.of([[0]], [[at + 900.0]]))
    assert n not in model.retrieve(ask, n + 1).item.tolist()
    model.update(events)
    assert (model.n_users_, model.n_items_) == (early.n_users + 3, n + 1)
    assert n in model.retrieve(ask, n + 1).item.tolist()


def nothing_new_changes_nothing(make: Make) -> None:
    """No events, and events of unknown users or items, leave the state as it was."""
    model, data, requests = _blocks(make)
    before = _by_request(model.retrieve(requests, 8), 40)
    model.update(data.interactions.take(np.zeros(0, np.int64)))
    strange = data.interactions.take(np.arange(2))
    model.update(replace(strange, user=np.array([-1, 0]), item=np.array([0, -1])))
    assert _by_request(model.retrieve(requests, 8), 40) == before


def updated_models_save_and_load(make: Make) -> None:
    """A loaded model answers like the saved one, and goes on learning like it."""
    full, early = _cut_log()
    events = _later(full)
    some, rest = events.take(np.arange(50)), events.take(np.arange(50, len(events)))
    model = make().fit(early, CTX).update(some)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        again = type(model).load(Path(folder))
    _same_answers(again, model, requests_for(full))
    _same_answers(again.update(rest), model.update(rest), requests_for(full))


def a_copy_learns_alone(make: Make) -> None:
    """What a copy learns leaves the original as it was, and the other way round."""
    full, early = _cut_log()
    events = _later(full)
    some, rest = events.take(np.arange(50)), events.take(np.arange(50, len(events)))
    model = make().fit(early, CTX).update(some)
    before = _by_request(model.retrieve(requests_for(full), 8), 40)
    other = copy.copy(model)
    other.update(rest)
    assert _by_request(model.retrieve(requests_for(full), 8), 40) == before
    learnt = _by_request(other.retrieve(requests_for(full), 8), 40)
    model.update(some)
    assert _by_request(other.retrieve(requests_for(full), 8), 40) == learnt


UPDATE_CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        updates_need_a_fit,
        one_update_equals_many,
        an_update_equals_a_refit,
        new_items_become_candidates,
        nothing_new_changes_nothing,
        updated_models_save_and_load,
        a_copy_learns_alone,
    )
}


# --- rankers ---------------------------------------------------------------------------------------------------------

COLUMNS = ("match", "popularity", "noise")


def ranking_rows(n_requests: int = 300, shown: int = 6, seed: int = 0) -> tuple[dict[str, Any], Any, Any]:
    """Rows with a known cause: clicks follow `match` strongly and `popularity` a little, never `noise`.

    Returns:
        columns float64[N] by name, label float64[N], group int64[N].
    """
    rng = np.random.default_rng(seed)
    n = n_requests * shown
    columns = {name: rng.normal(size=n) for name in COLUMNS}
    logit = 2.0 * columns["match"] + 0.5 * columns["popularity"] - 1.0
    label = (rng.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return columns, label, np.repeat(np.arange(n_requests), shown)


def shown_at_random(group: Any, n_items: int = 40, seed: int = 0) -> Shown:
    """Pasts and items that say nothing about clicks, for rows of the given groups 0..B-1; every fifth past is empty."""
    import polars as pl

    rng = np.random.default_rng(seed)
    n = int(group.max()) + 1
    lengths = rng.integers(0, 9, n) * (np.arange(n) % 5 > 0)
    pasts = [rng.integers(0, n_items, length).tolist() for length in lengths]
    labels = [("red", "green", "blue")[item % 3] for item in range(n_items)]
    data = dataset_of([(0, 0, 0.0)], n_users=1, n_items=n_items)
    table = pl.DataFrame({"item_id": data.items.ids, "colour": labels})
    requests = Requests.of([-1] * n, now=1.0, history=History.of(pasts))
    return Shown(requests, group, rng.integers(0, n_items, len(group)), replace(data, item_table=table))


def funnel_labels(columns: Mapping[str, Any], label: Any, tasks: Sequence[str], seed: int = 0) -> Any:
    """The label itself for one task; else labels by task, each a step that presupposes the one before.

    Args:
        columns: as `ranking_rows` gives them.
        label: float64[N] of the first step.
        tasks: names, in their order.
        seed: of the draw.
    """
    if len(tasks) == 1:
        return label
    rng, found = np.random.default_rng([seed, 1]), {tasks[0]: label}
    chance = 1 / (1 + np.exp(-1.5 * columns["match"] - 0.4 * columns["popularity"]))
    for before, task in itertools.pairwise(tasks):
        found[task] = found[before] * (rng.uniform(size=len(label)) < chance)
    return found


def _with_scenario(columns: dict[str, Any], made: Any) -> dict[str, Any]:
    """The columns, and one of three codes that mean nothing where the ranker wants to be told a scenario."""
    name = getattr(made.config, "scenario_column", "")
    n = len(columns["match"])
    return {**columns, name: np.arange(n) % 3.0} if name else columns


def _ranker(make: Make) -> tuple[Any, Requests, Candidates]:
    columns, label, group = ranking_rows()
    made = make()
    columns = _with_scenario(columns, made)
    labels = funnel_labels(columns, label, made.tasks)
    model = made.fit_rows(columns, labels, group, CTX, shown=shown_at_random(group))
    return model, *_questions(made)


def _questions(made: Any) -> tuple[Requests, Candidates]:
    """Twenty requests with candidates that no fit has seen."""
    fresh, _, rows = ranking_rows(n_requests=20, seed=9)
    shown = shown_at_random(rows, seed=9)
    return shown.requests, Candidates(rows.astype(np.int32), shown.item, 20, _with_scenario(fresh, made))


def _asked_ranker(make: Make) -> tuple[Any, Requests, Candidates]:
    """What `_ranker` gives, fitted once per factory: for checks that ask and change nothing."""
    if make not in _RANKERS:
        _RANKERS[make] = _ranker(make)
    return _RANKERS[make]


def ranker_finds_the_cause(make: Make) -> None:
    """The cause outweighs the noise, and scores order clicks better than chance."""
    model, requests, table = _asked_ranker(make)
    weights = model.importance()
    assert abs(weights["match"]) > abs(weights["popularity"]) > abs(weights["noise"])
    score = model.score(requests, table)[:, 0]
    assert np.corrcoef(score, table.cols["match"])[0, 1] > 0.7


def ranker_has_a_column_per_task(make: Make) -> None:
    """One score per row and task, finite, and not the same for all rows; of no rows as well."""
    model, requests, table = _asked_ranker(make)
    score = model.score(requests, table)
    assert score.shape == (len(table), len(model.tasks))
    assert np.isfinite(score).all()
    assert (np.ptp(score, axis=0) > 0).all()
    nothing = Candidates(np.empty(0, np.int32), np.empty(0, np.int64), 20, {name: np.empty(0) for name in table.cols})
    assert model.score(requests, nothing).shape == (0, len(model.tasks))


def ranker_one_equals_many(make: Make) -> None:
    """A row scored alone gets exactly the scores it gets in a batch."""
    model, requests, table = _asked_ranker(make)
    whole = model.score(requests, table)
    alone = model.score(requests.take(np.array([4])), table.one(4))
    assert alone.tolist() == whole[table.row == 4].tolist()


def ranker_saves_and_loads(make: Make) -> None:
    """A loaded ranker scores exactly like the saved one."""
    model, requests, table = _asked_ranker(make)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        again = type(model).load(Path(folder))
        assert again.score(requests, table).tolist() == model.score(requests, table).tolist()


def ranker_names_a_missing_column(make: Make) -> None:
    """A column it was trained on and does not get is an error that names it."""
    model, requests, table = _asked_ranker(make)
    short = Candidates(table.row, table.item, 20, {"match": table.cols["match"]})
    assert "popularity" in str(_raised(ShortlistError, lambda: model.score(requests, short)))


def ranker_same_seed_same_scores(make: Make) -> None:
    """Two fits with one seed agree exactly."""
    one, requests, table = _asked_ranker(make)
    two, _, _ = _ranker(make)
    assert one.score(requests, table).tolist() == two.score(requests, table).tolist()


def ranker_is_calibrated_where_asked(make: Make) -> None:
    """With `calibration` its scores are probabilities by a curve that is saved, in the order they had without it."""
    columns, label, group = ranking_rows()
    shown = shown_at_random(group)
    model = make()
    columns = _with_scenario(columns, model)
    model.set_params(calibration="platt", calibration_share=0.5)
    model.fit_rows(columns, funnel_labels(columns, label, model.tasks), group, CTX, shown=shown)
    requests, table = _questions(model)
    found = model.score(requests, table)[:, 0]
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        assert type(model).load(Path(folder)).score(requests, table)[:, 0].tolist() == found.tolist()
    del model.calibration_
    before = model.score(requests, table)[:, 0]
    assert ((found >= 0) & (found <= 1)).all()
    assert found.tolist() != before.tolist()
    assert np.diff(found[np.argsort(before, kind="stable")]).min() >= 0


def ranker_refuses_before_fit(make: Make) -> None:
    """Raises NotFitted."""
    made = make()
    _raised(NotFitted, lambda: made.score(*_questions(made)))


RANKER_CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        config_round_trips,
        ranker_finds_the_cause,
        ranker_has_a_column_per_task,
        ranker_one_equals_many,
        ranker_saves_and_loads,
        ranker_names_a_missing_column,
        ranker_same_seed_same_scores,
        ranker_is_calibrated_where_asked,
        ranker_refuses_before_fit,
    )
}
