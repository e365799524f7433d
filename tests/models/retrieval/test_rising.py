import numpy as np
import pytest

from shortlist.core.types import Requests
from shortlist.models.retrieval.rising import Rising
from shortlist.testing.worlds import dataset_of

# Window (90, 100], baseline (50, 90]. Item 0: 3 recent, 4 before; item 1: 2 recent, none before; item 2: none recent;
# item 3: one recent and events long ago that no longer count.
TIMES = {0: [60, 65, 70, 80, 95, 96, 97], 1: [98, 99], 2: [55, 60], 3: [1, 2, 3, 4, 5, 100]}


def data():
    events = sorted((float(t), item) for item, times in TIMES.items() for t in times)
    return dataset_of([(0, item, t) for t, item in events], n_users=1, n_items=5)


def test_recent_against_usual_by_hand():
    score = Rising(window_s=10, baseline_s=40, smoothing=2).fit(data()).score_block(Requests.of([0, -1]))
    expected = [(3 + 2) / (4 / 4 + 2), (2 + 2) / (0 + 2), np.nan, (1 + 2) / (0 + 2), np.nan]
    np.testing.assert_allclose(score, [expected, expected])


def test_smoothing_keeps_single_clicks_from_being_sensations():
    daring, careful = (Rising(window_s=10, baseline_s=40, smoothing=s).fit(data()) for s in (0.1, 20.0))
    ask = Requests.of([-1])
    assert np.nanargmax(daring.score_block(ask)) == 1
    assert np.nanmax(careful.score_block(ask)) == pytest.approx((2 + 20) / (0 + 20))


def test_replaying_the_past_sees_nothing_later():
    model = Rising(window_s=10, baseline_s=40, smoothing=2, reference="now").fit(data())
    score = model.score_block(Requests.of([-1, -1], now=np.array([66.0, 1000.0])))
    # Just before 66: window [56, 66) has item 0 twice and item 2 once, with item 2 once before.
    np.testing.assert_allclose(score[0], [(2 + 2) / 2, np.nan, (1 + 2) / (1 / 4 + 2), np.nan, np.nan])
    assert np.isnan(score[1]).all()


def test_now_just_after_the_log_equals_its_end():
    ask = Requests.of([-1], now=np.nextafter(100.0, np.inf))
    config = {"window_s": 10, "baseline_s": 40}
    last, now = (Rising(reference=r, **config).fit(data()).score_block(ask) for r in ("last", "now"))
    np.testing.assert_array_equal(last, now)
    assert last[0, 0] == pytest.approx((3 + 5) / (1 + 5))
