"""A training job that runs too early says so, instead of learning from half a day (C24)."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from shortlist import bundles
from shortlist.core.errors import BadConfig, Incomplete
from shortlist.jobs import train as job
from shortlist.jobs.watermark import complete_until, watermark
from shortlist.testing.worlds import small_log

MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
HOUR = 3_600.0


def log_until(at):
    """The small log, moved so that its latest event lies at a moment, its first ten days before."""
    data = small_log(n_users=80, n_items=40)
    times = data.interactions.at
    span = (times - times.min()) / (times.max() - times.min()) * 10 * 24 * HOUR
    moved = replace(data.interactions, at=at - 10 * 24 * HOUR + span)
    return replace(data, interactions=moved, impressions=None)


def test_at_five_past_midnight_with_half_a_day_it_refuses_and_nothing_is_published(tmp_path):
    """The night's job asks for the whole of the 25th; the log holds it up to noon."""
    data = log_until(MIDNIGHT + 12 * HOUR)
    with pytest.raises(Incomplete, match=r"reaches 2026-11-25T12:00:00Z.*before 2026-11-26T00:00:00Z"):
        job.train(data, home=tmp_path, k=5, until=MIDNIGHT + 24 * HOUR)
    assert bundles.current(tmp_path / "bundles") is None
    assert not any(path.is_dir() and path.name[0].isdigit() for path in (tmp_path / "bundles").iterdir())


def test_events_may_be_late_so_midnight_itself_is_not_enough():
    data = log_until(MIDNIGHT + 300.0)
    assert watermark(data) == MIDNIGHT + 300.0
    with pytest.raises(Incomplete, match="must reach 2026-11-25T01:00:00Z"):
        complete_until(data, MIDNIGHT, lateness_s=HOUR)
    assert complete_until(data, MIDNIGHT).interactions.at.max() < MIDNIGHT
    assert complete_until(log_until(MIDNIGHT + HOUR), MIDNIGHT, lateness_s=HOUR).n_events > 0


def test_a_whole_day_is_trained_on_without_what_follows(tmp_path):
    data = log_until(MIDNIGHT + 6 * HOUR)
    made = job.train(data, home=tmp_path, k=5, until=MIDNIGHT, lateness_s=HOUR)
    kept = bundles.load(made.bundle.path).data.interactions.at
    assert kept.max() < MIDNIGHT
    assert len(kept) == int((data.interactions.at < MIDNIGHT).sum()) < data.n_events


def test_impressions_count_and_an_empty_log_never_reaches():
    from shortlist.data.dataset import Impressions

    data = log_until(MIDNIGHT)
    shown = Impressions(np.array([0]), np.array([MIDNIGHT + HOUR]), np.array([0, 1]), np.array([0]), np.array([False]))
    assert watermark(replace(data, impressions=shown)) == MIDNIGHT + HOUR
    with pytest.raises(Incomplete, match="is empty"):
        complete_until(data.select(np.zeros(data.n_events, bool)), MIDNIGHT)
    with pytest.raises(BadConfig, match="without a clock"):
        complete_until(replace(data, clock="rank"), MIDNIGHT)
    with pytest.raises(BadConfig, match="finite"):
        complete_until(data, float("nan"))
