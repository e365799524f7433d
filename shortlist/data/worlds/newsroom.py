"""A made-up newsroom in exact MIND format: 300 articles, 400 readers, 4,000 impressions, and the truth behind them.

Readers have lasting tastes over ten sections and follow running stories; the front page favours what is fresh and good.
A reader clicks one article of each list by a softmax over planted weights, so what a ranker learns can be compared with
what is there. Everything follows from the seed. Cost: 1 s to write, 0.3 s to read.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.settings import settings
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.aside import folder_aside
from shortlist.data.dataset import Dataset

VERSION = 1
"""Part of the cache's folder name; raise it when the made files change."""
DAY_S = 86_400.0
START_AT = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
"""First moment of the log."""
DAYS = 21
"""Length of the log; articles appear from ten days before it."""


@dataclass(frozen=True)
class Weights:
    """The planted click model: utility of an article to a reader at a position, before Gumbel noise.

    Attributes:
        taste: per unit of the reader's taste for the section (tastes have mean 1 over sections).
        story: if the article belongs to a story of which the reader read something.
        next_part: if it is the next unread part of the story of the article read last.
        quality: per unit of the article's quality (standard normal).
        fresh: times 2^(-age / 24 h).
        position: per log(1 + position), position from 0.
    """

    taste: float = 0.9
    story: float = 0.8
    next_part: float = 1.5
    quality: float = 0.4
    fresh: float = 1.0
    position: float = -0.25


@dataclass(frozen=True)
class Truth:
    """What nobody in the world can see.

    Attributes:
        readers: names in the log of the rows of `taste`.
        taste: float64[400, 10], readers by sections, rows with mean 1.
        section: int64[300], section of each article, index into `sections`.
        story: int64[300], running number of each article's story.
        quality: float64[300].
        published_at: float64[300], UTC seconds.
        sections: names.
        weights: of the click model.
    """

    readers: tuple[str, ...]
    taste: Floats
    section: Ints
    story: Ints
    quality: Floats
    published_at: Floats
    sections: tuple[str, ...]
    weights: Weights


def newsroom(*, path: Path | None = None, seed: int = 0, unknown: Literal["keep", "skip"] = "keep") -> Dataset:
    """The world as a dataset, written on first use.

    Args:
        path: folder to keep it in; None means below the home folder, or nowhere if that cannot be written to.
        seed: of the world.
        unknown: see the MIND reader.
    """
    folder = path if path is not None else settings().home / "worlds" / f"newsroom-v{VERSION}-{seed}"
    if not (folder / "behaviors.tsv").is_file():
        try:
            with folder_aside(folder) as work:
                write_newsroom(work, seed=seed)
        except OSError:
            if path is not None:
                raise
            with tempfile.TemporaryDirectory() as passing:
                write_newsroom(Path(passing), seed=seed)
                return _read(Path(passing), seed, unknown)
    return _read(folder, seed, unknown)


def _read(folder: Path, seed: int, unknown: Literal["keep", "skip"]) -> Dataset:
    from shortlist.data.readers.files import places
    from shortlist.data.readers.mind import Mind

    data = Mind.read(places(folder)[0], name="newsroom", unknown=unknown)
    return replace(data, notes={**data.notes, "seed": seed})


def write_newsroom(
    folder: Path, seed: int = 0, *, n_users: int = 400, n_impressions: int = 4000, weights: Weights | None = None
) -> Truth:
    """Write `news.tsv` (8 columns) and `behaviors.tsv` (5 columns) and return the truth behind them.

    Args:
        folder: made if needed; existing files are replaced.
        seed: the same seed gives the same bytes.
        n_users: readers; each gets at least three impressions.
        n_impressions: rows of the log, one click each.
        weights: of the click model; None takes the defaults.

    Raises:
        BadConfig: fewer than three impressions per reader.
    """
    if n_users < 1 or n_impressions < 3 * n_users:
        raise BadConfig("The newsroom needs at least one reader and three impressions per reader.", field="n_users")
    rng = np.random.default_rng([seed, 7])
    planted = weights or Weights()
    articles = _articles(rng)
    taste = _tastes(rng, n_users)
    truth = Truth(
        (), taste, articles.section, articles.story, articles.quality, articles.published_at,
        tuple(section["name"] for section in _sections()), planted,
    )  # fmt: skip
    rows, readers = _log(rng, truth, n_impressions)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "news.tsv").write_text("".join(f"{line}\n" for line in articles.lines), encoding="utf-8")
    (folder / "behaviors.tsv").write_text("".join(f"{line}\n" for line in rows), encoding="utf-8")
    return replace(truth, readers=readers)


@dataclass(frozen=True)
class _Articles:
    lines: list[str]
    section: Ints
    story: Ints
    quality: Floats
    published_at: Floats


@cache
def _sections() -> list[dict[str, Any]]:
    """The newsroom's language: sections with their patterns and stories."""
    text = Path(__file__).with_name("newsroom.toml").read_text(encoding="utf-8")
    sections: list[dict[str, Any]] = tomllib.loads(text)["section"]
    return sections


def _articles(rng: np.random.Generator) -> _Articles:
    """300 articles: 120 on soccer, 20 on each other section, every story spread over the whole time."""
    drafts: list[tuple[float, int, int, str, str, str]] = []
    first, last = START_AT - 10 * DAY_S, START_AT + DAYS * DAY_S
    titles: set[str] = set()
    number = 0
    for index, section in enumerate(_sections()):
        total = 120 if index == 0 else 20
        for story in section["story"]:
            size = total // len(section["story"])
            # A story has its time: its articles lie around a centre, not evenly.
            middle = rng.uniform(first + 2 * DAY_S, last - 2 * DAY_S)
            when = np.clip(rng.normal(middle, 5.5 * DAY_S, size), first, last - DAY_S / 2)
            for moment in np.sort(when):
                title = _sentence(rng, section["titles"], story)
                while title in titles:
                    title = _sentence(rng, section["titles"], story)
                titles.add(title)
                parts = (section["leads"], section["details"], section["closes"])
                abstract = " ".join(_sentence(rng, patterns, story) for patterns in parts)
                drafts.append((float(moment), index, number, story["slug"], title, abstract))
            number += 1
    drafts.sort()
    lines = []
    for article, (_, index, _, slug, title, abstract) in enumerate(drafts):
        entities = json.dumps([{"Label": slug.replace("-", " ").title(), "Type": "O", "WikidataId": f"Q9{article:06d}",
                                "Confidence": 1.0, "OccurrenceOffsets": [0], "SurfaceForms": [slug]}])  # fmt: skip
        # Like in the real set, a few articles have no abstract and most abstracts no entities.
        body = "" if rng.random() < 0.02 else abstract
        url = f"https://newsroom.example/{_sections()[index]['name']}/{article}"
        lines.append("\t".join([f"N{article}", _sections()[index]["name"], slug, title, body, url, entities, "[]"]))
    return _Articles(
        lines,
        np.array([draft[1] for draft in drafts], np.int64),
        np.array([draft[2] for draft in drafts], np.int64),
        rng.standard_normal(len(drafts)),
        np.array([draft[0] for draft in drafts], np.float64),
    )


def _sentence(rng: np.random.Generator, patterns: list[str], story: dict[str, Any]) -> str:
    """A pattern with its slots filled from the story, first letter upper case."""

    def pick(options: list[str]) -> str:
        return options[int(rng.integers(len(options)))]

    text = pick(patterns).format(**{slot: pick(story[slot]) for slot in ("hero", "rival", "theme", "place")})
    return text[0].upper() + text[1:]


def _tastes(rng: np.random.Generator, n_users: int) -> Floats:
    """Peaked tastes; soccer has more friends than the rest. float64[n_users, 10], rows with mean 1."""
    strength = np.full(len(_sections()), 0.22)
    strength[0] = 0.6
    taste = rng.dirichlet(strength, n_users)
    return taste * len(_sections())


def _log(rng: np.random.Generator, truth: Truth, n_impressions: int) -> tuple[list[str], tuple[str, ...]]:
    """Lines of behaviors.tsv in time order, and what the readers are called in them."""
    n_users, n_items = len(truth.taste), len(truth.section)
    activity = rng.lognormal(0.0, 0.6, n_users)
    extra = rng.choice(n_users, n_impressions - 3 * n_users, p=activity / activity.sum())
    user = np.concatenate([np.repeat(np.arange(n_users), 3), extra])
    at = _moments(rng, n_impressions)
    rng.shuffle(user)
    names = [f"U{number}" for number in rng.permutation(n_users)]

    read: list[list[int]] = [_past(rng, truth, one) for one in range(n_users)]
    lines = []
    for number in range(n_impressions):
        who, now = int(user[number]), float(at[number])
        unread = np.ones(n_items, bool)
        unread[read[who]] = False
        pool = np.flatnonzero(unread & (truth.published_at < now))
        shown = _front_page(rng, truth, who, pool, now, read[who])
        click = _click(rng, truth, who, shown, now, read[who])
        listed = " ".join(f"N{item}-{int(place == click)}" for place, item in enumerate(shown))
        history = " ".join(f"N{item}" for item in read[who])
        lines.append("\t".join([str(number + 1), names[who], _stamp(now), history, listed]))
        read[who].append(int(shown[click]))
    return lines, tuple(names)


def _moments(rng: np.random.Generator, n: int) -> Floats:
    """Sorted times with a morning and an evening peak, whole seconds."""
    day = rng.integers(0, DAYS, n) * DAY_S
    morning = rng.random(n) < 0.45
    hour = np.where(morning, rng.normal(8.0, 1.5, n), rng.normal(19.5, 2.5, n)) % 24
    return np.sort(np.floor(START_AT + day + hour * 3600.0))


def _past(rng: np.random.Generator, truth: Truth, who: int) -> list[int]:
    """What the reader had read before the log began, oldest first; one in twelve is new and has read nothing."""
    old = np.flatnonzero(truth.published_at < START_AT)
    n = 0 if rng.random() < 1 / 12 else int(rng.integers(2, 9))
    if n == 0 or len(old) == 0:
        return []
    liking = truth.weights.taste * truth.taste[who, truth.section[old]] + truth.weights.quality * truth.quality[old]
    order = np.argsort(-(liking + rng.gumbel(size=len(old))))[: min(n, len(old))]
    chosen = old[order]
    return [int(item) for item in chosen[np.argsort(truth.published_at[chosen])]]


def _front_page(rng: np.random.Generator, truth: Truth, who: int, pool: Ints, now: float, read: list[int]) -> Ints:
    """Four to seven unread articles: an editor's draw by freshness and quality, with a nod to the reader's sections."""
    age = now - truth.published_at[pool]
    appeal = 2.2 * 2.0 ** (-age / (1.5 * DAY_S)) + 0.25 * truth.quality[pool]
    appeal += 0.35 * np.minimum(truth.taste[who, truth.section[pool]], 4.0)
    appeal += 0.8 * np.isin(truth.story[pool], truth.story[read])
    # Pages link to the next part of what was read last, so the order of reading says more than its sum.
    appeal += 2.2 * _continues(truth, pool, now, read)
    size = int(rng.integers(4, 8))
    return pool[np.argsort(-(appeal + rng.gumbel(size=len(pool))))[:size]]


def utility(truth: Truth, who: int, shown: Array, now: float, read: list[int]) -> Floats:
    """Planted utility of each shown article, before noise. float64[len(shown)]."""
    w = truth.weights
    age = now - truth.published_at[shown]
    return np.asarray(
        w.taste * truth.taste[who, truth.section[shown]]
        + w.story * np.isin(truth.story[shown], truth.story[read])
        + w.next_part * _continues(truth, shown, now, read)
        + w.quality * truth.quality[shown]
        + w.fresh * 2.0 ** (-age / DAY_S)
        + w.position * np.log1p(np.arange(len(shown)))
    )


def _continues(truth: Truth, item: Ints, now: float, read: list[int]) -> Array:
    """Whether each article is the next part, by publication, of the story of the article read last. bool[n]."""
    if not read:
        return np.zeros(len(item), bool)
    parts = np.flatnonzero((truth.story == truth.story[read[-1]]) & (truth.published_at < now))
    later = parts[(parts > read[-1]) & ~np.isin(parts, read)]
    return item == later[0] if len(later) else np.zeros(len(item), bool)


def _click(rng: np.random.Generator, truth: Truth, who: int, shown: Ints, now: float, read: list[int]) -> int:
    return int(np.argmax(utility(truth, who, shown, now, read) + rng.gumbel(size=len(shown))))


def _stamp(now: float) -> str:
    """`6/1/2026 8:05:09 AM`, as MIND writes it."""
    moment = datetime.fromtimestamp(now, UTC)
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment.minute:02d}:{moment.second:02d} {half}"
