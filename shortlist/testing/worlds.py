"""Tiny worlds with one right answer: small enough to work out by hand, sharp enough that a wrong model fails.

Each world is a dataset, a batch of requests against it and the answer every sound model of that family must give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.types import Candidates, History, Ints, Requests
from shortlist.data.dataset import Dataset, Impressions, Interactions
from shortlist.data.vocab import Vocab

DAY = 86_400.0
START = 1_700_000_000.0
"""When the made worlds begin: 14 November 2023, UTC."""

TOPICS = {
    "soccer": ["striker", "goal", "penalty", "keeper", "league", "derby", "pitch", "coach"],
    "space": ["rocket", "orbit", "lander", "crater", "telescope", "crew", "launch", "comet"],
    "food": ["oven", "flour", "garlic", "butter", "recipe", "roast", "simmer", "pepper"],
    "money": ["shares", "bond", "market", "profit", "merger", "bank", "dividend", "rate"],
}


@dataclass(frozen=True)
class World:
    """A dataset, requests against it and their only right answer.

    Attributes:
        data: what models fit on.
        requests: with histories filled in.
        answer: the right item of each request.
        ctx: a fit context for the world's size.
    """

    data: Dataset
    requests: Requests
    answer: list[int]
    ctx: FitContext


def dataset_of(events: list[tuple[int, int, float]], *, n_users: int, n_items: int, name: str = "made") -> Dataset:
    """A dataset from (user, item, time) triples; external ids are "u0".. and "i0".."""
    table = np.array(events, np.float64).reshape(-1, 3)
    interactions = Interactions(
        user=table[:, 0].astype(np.int64),
        item=table[:, 1].astype(np.int64),
        at=table[:, 2],
        value=np.ones(len(table), np.float32),
        type=np.zeros(len(table), np.int16),
        types=("click",),
    )
    users = Vocab(f"u{u}" for u in range(n_users))
    items = Vocab(f"i{i}" for i in range(n_items))
    return Dataset(name=name, interactions=interactions, users=users, items=items)


def requests_for(data: Dataset, users: Ints | list[int] | None = None, *, k: int = 10) -> Requests:
    """One request per user, one second after the last event, with everything the user did as history."""
    chosen = np.arange(data.n_users) if users is None else np.asarray(users, np.int64)
    now = float(data.interactions.at.max()) + 1.0 if data.n_events else START
    return Requests.of(chosen, now=now, k=k, history=data.histories(chosen))


def checkerboard(users: int = 20, items: int = 20) -> World:
    """Users like every item of their own parity; each lacks one, and that one is the answer.

    The best unseen item of user u is the withheld square: all other unseen items are of the wrong colour.
    """
    events: list[tuple[int, int, float]] = []
    answer, clock = [], START
    for user in range(users):
        mine = [item for item in range(items) if item % 2 == user % 2]
        missing = mine[(user // 2) % len(mine)]
        answer.append(missing)
        for item in mine:
            if item != missing:
                clock += 60.0
                events.append((user, item, clock))
    data = dataset_of(events, n_users=users, n_items=items, name="checkerboard")
    return World(data, requests_for(data), answer, FitContext(threads=1))


def planted_cycle(items: int = 12, users: int = 24, steps: int = 9) -> World:
    """Everybody walks the same circle of items; after item j comes j + 1, whatever the rest of the history."""
    events: list[tuple[int, int, float]] = []
    answer = []
    for user in range(users):
        start = (user * 5) % items
        events.extend((user, (start + step) % items, START + user * 1e4 + step * 60.0) for step in range(steps))
        answer.append((start + steps) % items)
    data = dataset_of(events, n_users=users, n_items=items, name="planted-cycle")
    return World(data, requests_for(data), answer, FitContext(threads=1))


def small_log(n_users: int = 40, n_items: int = 32, events_per_user: int = 12, seed: int = 0) -> Dataset:
    """A log with four topics, tastes, text, categories, profiles and impressions: what every part can work on."""
    import polars as pl

    rng = np.random.default_rng(seed)
    topics = list(TOPICS)
    topic_of = np.arange(n_items) % len(topics)
    appeal = rng.gamma(2.0, 1.0, n_items)
    events: list[tuple[int, int, float]] = []
    shown, clicked = [], []
    for user in range(n_users):
        weight = appeal * np.where(topic_of == user % len(topics), 6.0, 1.0)
        chosen = rng.choice(n_items, size=min(events_per_user, n_items), replace=False, p=weight / weight.sum())
        times = START + np.sort(rng.uniform(0, 10 * DAY, len(chosen)))
        events.extend((user, int(i), float(t)) for i, t in zip(chosen, times, strict=True))
        rest = np.setdiff1d(np.arange(n_items), chosen)
        for item, at in zip(chosen[-3:], times[-3:], strict=True):
            slate = np.r_[item, rng.choice(rest, 4, replace=False)]
            shown.append((user, float(at), slate))
            clicked.append(slate == item)
    data = dataset_of(events, n_users=n_users, n_items=n_items, name="small-log")
    words = [TOPICS[topics[t]] for t in topic_of]
    titles = [" ".join(rng.choice(w, 3, replace=False)) for w in words]
    item_table = pl.DataFrame(
        {
            "item_id": data.items.ids,
            "title": titles,
            "abstract": [" ".join(rng.choice(w, 4)) for w in words],
            "category": [topics[t] for t in topic_of],
            "price": rng.uniform(1, 20, n_items).round(2),
        }
    )
    impressions = Impressions(
        user=np.array([s[0] for s in shown], np.int64),
        at=np.array([s[1] for s in shown]),
        offsets=np.arange(0, 5 * len(shown) + 1, 5, dtype=np.int64),
        item=np.concatenate([s[2] for s in shown]).astype(np.int64),
        clicked=np.concatenate(clicked),
    )
    user_table = pl.DataFrame(
        {
            "user_id": data.users.ids,
            "age": rng.integers(18, 80, n_users),
            "segment": [topics[u % len(topics)] for u in range(n_users)],
        }
    )
    return Dataset(data.name, data.interactions, data.users, data.items, item_table, user_table, impressions)


def popular_log(n_events: int, n_users: int, n_items: int, *, fall: float = 0.1, seed: int = 0) -> Dataset:
    """Users at random, items by a geometric law of popularity, one event a second, with repeats.

    Cutting it anywhere cuts every user's past at its end, and its popular items move what models keep for many others.

    Args:
        n_events: rows.
        n_users: users, drawn evenly.
        n_items: items; "i0" is the most popular.
        fall: chance of the first item, and of each next one among those that are left.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    users = rng.integers(n_users, size=n_events)
    items = np.minimum(rng.geometric(fall, size=n_events) - 1, n_items - 1)
    rows = [(int(u), int(i), float(n)) for n, (u, i) in enumerate(zip(users, items, strict=True))]
    return dataset_of(rows, n_users=n_users, n_items=n_items)


def greedy_is_wrong() -> tuple[Candidates, np.ndarray, list[int]]:
    """A slate where taking the best by score repeats itself.

    Returns:
        Candidates with column `score`, their vectors float32[N, 2], and the right slate of two under any sensible
        trade-off: the two best rows are twins, so the second place belongs to the third row.
    """
    table = Candidates(np.zeros(4, np.int32), np.arange(4), 1, {"score": np.array([1.0, 0.99, 0.8, 0.1])})
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.7, 0.7]], np.float32)
    return table, vectors, [0, 2]


def five_rows() -> Candidates:
    """Five candidates of two requests with a price, a category and a score: enough for a stage's test."""
    cols = {
        "score": np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
        "price": np.array([10.0, 5.0, np.nan, 20.0, 1.0]),
        "category": np.array(["a", "a", "b", "a", "b"], object),
    }
    return Candidates(np.array([0, 0, 0, 1, 1], np.int32), np.array([3, 1, 4, 1, 5]), 2, cols)


def history_of(*items: int) -> History:
    """The history of one user who did these, oldest first."""
    return History.of([list(items)])
