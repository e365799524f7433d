"""The question of a validation: what counts as an answer, and that the mean does not depend on how users are asked."""

import numpy as np
import pytest
import torch

from shortlist.core.types import History
from shortlist.models.neural.fields import FIRST, UNKNOWN
from shortlist.models.neural.question import ASKED_AT_ONCE, Question, known_part

N = 30


def question(seen, truth):
    nothing = History.of([[] for _ in truth])
    return Question(nothing, History.of(seen), np.array(truth, np.int64) + FIRST, np.arange(len(truth)))


def test_only_events_with_a_class_are_known():
    row, item = known_part(History.of([[0, FIRST + 2], [], [UNKNOWN, FIRST, FIRST + 3, FIRST + 3]]), 3)
    assert (row.tolist(), item.tolist()) == ([0, 2], [2, 0])
    row, item = known_part(History.of([[FIRST + 1, FIRST + 1]]), 3)
    assert (row.tolist(), item.tolist()) == ([0, 0], [1, 1])


def test_what_was_seen_is_no_answer_and_an_item_without_a_class_is_a_miss():
    scores = torch.tensor([[0.9, 0.8, 0.7]]).repeat(4, 1)
    asked = question([[FIRST, FIRST], [FIRST + 9], [], [FIRST + 1]], [1, 1, 3, 1])
    # First, since the one before it is seen; second, since what is seen has no class; no class; seen itself.
    want = [1.0, 1 / np.log2(3), 0.0, 0.0]
    assert asked.ndcg(lambda rows: scores[rows]) == pytest.approx(np.mean(want))


def test_nobody_to_ask_has_no_figure():
    assert question([], []).ndcg(lambda rows: torch.zeros(len(rows), N)) is None


def test_the_mean_is_over_users_however_they_are_asked():
    rng = np.random.default_rng(0)
    many = 2 * ASKED_AT_ONCE + 3
    scores = torch.from_numpy(rng.random((many, N)).astype(np.float32))
    seen = [(FIRST + rng.permutation(N)[:5]).tolist() for _ in range(many)]
    truth = rng.integers(0, N, many)
    asked = question(seen, truth)
    sizes = []

    def scores_of(rows):
        sizes.append(len(rows))
        return scores[rows].clone()

    want = []
    for user in range(many):
        left = scores[user].numpy().copy()
        left[np.array(seen[user]) - FIRST] = -np.inf
        place = int((left > left[truth[user]]).sum())
        want.append(1 / np.log2(place + 2) if place < 10 and np.isfinite(left[truth[user]]) else 0.0)
    assert asked.ndcg(scores_of) == pytest.approx(np.mean(want), rel=1e-6)
    assert sizes == [ASKED_AT_ONCE, ASKED_AT_ONCE, 3]
    assert asked.ndcg(scores_of, rng.permutation(many)) == pytest.approx(np.mean(want), rel=1e-6)
