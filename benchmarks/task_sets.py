"""Rows of several tasks and scenarios: what `python -m benchmarks.tasks` fits and judges.

Rows at random, 80/10/10. All but `funnel` are public data; `funnel` is made, because only in a made world is it known
what would have been bought had it been clicked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.ctr import columns_of
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.catalog import load
from shortlist.data.labelled import load_rows
from shortlist.data.splits import split
from shortlist.data.splits.ctr_rows import cut_811

YOUNG, OLD = 25, 35
"""Ages at which the second and the third scenario begin."""
MADE_USERS, MADE_ITEMS, MADE_ROWS = 600, 300, 120_000
"""Size of the made world."""


@dataclass(frozen=True)
class Bench:
    """Rows in the order train, valid, test.

    Attributes:
        name: of the set.
        columns: number[N] by name.
        ids: those that are codes.
        labels: float64[N] by task.
        cluster: int64[N], who is drawn again.
        sizes: rows of each part.
        scenario: column of the scenario, or "".
        funnel: whether the later of two tasks presupposes the earlier.
        tasks: those that are learned and judged; none means all labels. Others are for models that want more steps.
        would: float64[N], what the last label would have been had the step before it happened, where that is known.
        chance: float64[N, T], of each task as a made world draws them.
    """

    name: str
    columns: Mapping[str, Array]
    ids: tuple[str, ...]
    labels: Mapping[str, Floats]
    cluster: Ints
    sizes: tuple[int, int, int]
    scenario: str = ""
    funnel: bool = False
    tasks: tuple[str, ...] = ()
    would: Floats | None = None
    chance: Floats | None = None

    @property
    def test(self) -> slice:
        """The rows that judge."""
        return slice(self.sizes[0] + self.sizes[1], None)

    @property
    def asked(self) -> tuple[str, ...]:
        """Tasks that are judged."""
        return self.tasks or tuple(self.labels)

    def reached(self, task: str) -> Bench:
        """Of the rows that teach and that stop training, those where a label is one; all test rows."""
        train, valid, test = self.sizes
        keep = self.labels[task] > 0
        keep[self.test] = True
        return replace(
            self,
            columns={name: values[keep] for name, values in self.columns.items()},
            labels={name: values[keep] for name, values in self.labels.items()},
            cluster=self.cluster[keep],
            sizes=(int(keep[:train].sum()), int(keep[train : train + valid].sum()), test),
            would=None if self.would is None else self.would[keep],
            chance=None if self.chance is None else self.chance[keep],
        )


def census() -> Bench:
    """Census-Income, its test part alone; all columns but the weight."""
    rows = load_rows("census-income")
    part = rows.split("ctr-random-811")
    order = np.concatenate(part)
    taken = rows.take(order)
    labels = {"income": taken.label("income"), "never_married": taken.label("marital_stat")}
    numbers = {task: label.astype(np.float64) for task, label in labels.items()}
    sizes = (len(part.train), len(part.valid), len(part.test))
    return Bench("census", dict(taken.columns), taken.id_columns, numbers, order, sizes)


def stars() -> Bench:
    """Ratings of MovieLens 100K as a funnel: liked (4), of those loved (5); models of three steps are told fine (3)."""
    bench = _ratings("stars", "ml-100k", {"fine": 3.0, "liked": 4.0, "loved": 5.0}, 4.0)
    return replace(bench, funnel=True, tasks=("liked", "loved"))


def ages() -> Bench:
    """Ratings of MovieLens 1M by three groups of ages."""
    bench = _ratings("ages", "ml-1m", {"click": 4.0}, 4.0)
    people: Any = load("ml-1m").user_table
    age = people["age"].to_numpy()[bench.cluster]
    group = (age >= YOUNG).astype(np.int64) + (age >= OLD)
    columns = {**bench.columns, "group": group}
    return replace(bench, columns=columns, ids=(*bench.ids, "group"), scenario="group")


def funnel() -> Bench:
    """A made world: click, basket, purchase, and for every row what would have followed a click.

    People and items have tastes of 4 numbers. What is bought depends on the taste that clicks depend on and on another
    of its own, so clicked rows are not like the rest; one click in seven is followed by a purchase.
    """
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, MADE_USERS, MADE_ROWS), rng.integers(0, MADE_ITEMS, MADE_ROWS)

    def taste() -> Floats:
        people, things = rng.normal(size=(MADE_USERS, 4)), rng.normal(size=(MADE_ITEMS, 4))
        # Half of the variance is how much somebody does at all, and how good a thing is.
        plain = (rng.normal(size=MADE_USERS)[user] + rng.normal(size=MADE_ITEMS)[item]) * 2**-0.5
        return plain + (people[user] * things[item]).sum(1) / 2

    drawn = rng.uniform(size=(4, MADE_ROWS))
    to_click, to_buy = taste(), taste()
    mixed = 0.6 * to_click + 0.8 * to_buy
    clicks, adds, buys, buys_at_once = (_chance(x) for x in (to_click - 2.0, mixed - 1.5, mixed - 0.5, mixed - 4.0))
    click, basket = drawn[0] < clicks, drawn[1] < adds
    bought = np.where(basket, drawn[2] < buys, drawn[3] < buys_at_once)
    order = np.concatenate(parts := cut_811(rng.permutation(MADE_ROWS), "funnel"))
    labels = {"click": click, "basket": click & basket, "purchase": click & bought}
    return Bench(
        "funnel",
        {"user": user[order], "item": item[order]},
        ("user", "item"),
        {task: label[order].astype(np.float64) for task, label in labels.items()},
        user[order],
        (len(parts[0]), len(parts[1]), len(parts[2])),
        funnel=True,
        tasks=("click", "purchase"),
        would=bought[order].astype(np.float64),
        chance=np.stack([clicks, clicks * (adds * buys + (1.0 - adds) * buys_at_once)], axis=1)[order],
    )


def _ratings(name: str, source: str, stars: Mapping[str, float], positive: float) -> Bench:
    data = load(source)
    divided = split(data, "ctr-random-811", positive=positive)
    order = np.concatenate([divided.train_rows, divided.valid_rows, divided.test_rows])
    columns = columns_of(data, divided.user[order], divided.item[order])
    value = data.interactions.value[order]
    labels = {task: (value >= least).astype(np.float64) for task, least in stars.items()}
    assert ((value >= positive) == divided.label[order]).all(), "rows are ratings in file order"
    sizes = (len(divided.train_rows), len(divided.valid_rows), len(divided.test_rows))
    return Bench(name, columns, tuple(columns), labels, divided.user[order].astype(np.int64), sizes)


def _chance(logit: Floats) -> Floats:
    out: Floats = 1.0 / (1.0 + np.exp(-logit))
    return out


PREPARED = {"ages": ages, "census": census, "funnel": funnel, "stars": stars}
