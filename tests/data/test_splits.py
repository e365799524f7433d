import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import BadConfig, EmptyTraining, LeakDetected, UnknownName
from shortlist.data.schema import dataset_from_frames
from shortlist.data.splits import Split, refuse_leak, split
from shortlist.testing.worlds import small_log


def log(rows, **columns):
    user, item, at = zip(*rows, strict=True)
    frame = {"user_id": list(user), "item_id": list(item), "timestamp": [float(t) for t in at], **columns}
    return dataset_from_frames(pl.DataFrame(frame))


def names(data, items):
    return "".join(data.items.decode(items))


# Two events of u share a second: the later line is the later event.
TIES = log([("u", "b", 2), ("u", "a", 1), ("v", "x", 1), ("u", "c", 2), ("w", "y", 1), ("w", "z", 5)])


def test_last_event_in_time_then_file_order():
    train, test = split(TIES, "leave-last-out")
    assert TIES.users.decode(test.user) == ["u", "w"]
    assert names(TIES, test.truth.item) == "cz"
    assert [names(TIES, test.history.one(b)) for b in range(2)] == ["ab", "y"]
    assert names(TIES, train.interactions.item) == "baxy"


def test_a_strictly_earlier_read_gives_the_whole_history():
    train, test = split(TIES, "leave-last-out")
    read = train.histories(test.user, before=test.now)
    assert read.item.tolist() == test.history.item.tolist()
    assert test.now[1] == 5.0
    assert 2.0 < test.now[0] < 2.0 + 1e-6


def test_a_strictly_earlier_read_of_the_whole_log_may_meet_the_event_asked_for():
    _, test = split(TIES, "leave-last-out")
    read = TIES.histories(test.user, before=test.now)
    assert [names(TIES, read.one(b)) for b in range(2)] == ["abc", "y"]
    assert [names(TIES, test.truth.one(b)) for b in range(2)] == ["c", "z"]


def test_strict_keeps_the_validation_event_from_the_fit_but_not_from_the_history():
    made = split(TIES, "leave-last-out", strict=True)
    assert TIES.users.decode(made.test.user) == ["u"]
    assert names(TIES, made.train.interactions.item) == "axyz"
    assert names(TIES, made.test.history.one(0)) == "ab"


def test_the_validation_part():
    made = split(TIES, "leave-last-out")
    assert names(TIES, made.valid.interactions.item) == "b"
    assert names(TIES, made.tune_test.truth.item) == "b"
    assert names(TIES, made.tune_test.history.one(0)) == "a"
    # The last events of all users are gone too, that of a user too short to tune on included.
    assert names(TIES, made.tune_train.interactions.item) == "axy"


def test_protocol_and_options_travel():
    made = split(TIES, "leave-last-out", strict=True, seed=3)
    _, test = made
    assert test.protocol == "leave-last-out"
    assert test.options == {"strict": True, "min_item_events": 0, "seed": 3}
    assert test.split is made
    assert made.fit_on is made.train
    told = made.describe()
    assert told["fingerprint"] == TIES.fingerprint
    assert told["test_requests"] == 1


def test_requests_carry_history_and_time():
    _, test = split(TIES)
    requests = test.requests(k=5, seed=9)
    assert requests.k.tolist() == [5, 5]
    assert requests.seed.tolist() == [9, 10]
    assert requests.history is test.history


def test_rare_items_can_be_dropped_first():
    data = log([("u", "a", 1), ("u", "rare", 2), ("v", "a", 1), ("v", "b", 2), ("u", "b", 3)])
    _, test = split(data, min_item_events=2)
    assert data.items.ids[-1] == "b"
    assert names(data, test.history.one(0)) == "a"


def test_an_event_recorded_twice_is_not_in_both_parts():
    data = log([("u", "a", 1), ("u", "b", 2), ("u", "b", 2)])
    made = split(data)
    assert names(data, made.train.interactions.item) == "a"
    assert names(data, made.test.history.one(0)) == "a"
    assert made.notes["copies_dropped"] == 1


def test_a_repeated_target_is_counted():
    made = split(log([("u", "b", 1), ("u", "b", 2), ("v", "a", 1), ("v", "b", 2)]))
    assert made.notes["targets_repeating"] == 1


def test_invented_times_are_never_asked_for():
    rows = [("u", "a", 1), ("u", "b", 2), ("v", "a", 1), ("v", "b", 5)]
    data = log(rows, event=["history", "history", "history", "click"])
    _, test = split(data)
    assert data.users.decode(test.user) == ["v"]


def test_impressions_at_or_after_the_target_leave_the_training_part():
    shown = pl.DataFrame(
        {"user_id": ["u", "u", "v"], "timestamp": [1.0, 3.0, 9.0], "item_id": [["a"], ["c"], ["z"]]}
    ).with_columns(clicked=pl.col("item_id").list.eval(pl.lit(True)))
    events = {"user_id": ["u", "u", "v"], "item_id": ["a", "c", "z"], "timestamp": [1.0, 3.0, 9.0]}
    data = dataset_from_frames(events, impressions=shown)
    train, _ = split(data)
    assert train.impressions.at.tolist() == [1.0, 9.0]
    assert split(data, "global-time", at=3.0, cold=True).train.impressions.at.tolist() == [1.0]


def test_too_small_to_ask_anything():
    with pytest.raises(EmptyTraining, match="leaves nothing to ask"):
        split(log([("u", "a", 1), ("v", "b", 2)]))


GLOBAL = log([("u", "a", 1), ("u", "b", 9), ("u", "b", 9.5), ("u", "a", 10), ("v", "c", 2), ("w", "d", 9)])


def test_everything_after_one_moment():
    made = split(GLOBAL, "global-time", at=5.0)
    assert GLOBAL.users.decode(made.test.user) == ["u"]
    assert made.test.now.tolist() == [5.0]
    assert names(GLOBAL, made.test.truth.item) == "b"
    assert names(GLOBAL, made.test.history.one(0)) == "a"
    assert names(GLOBAL, made.train.interactions.item) == "ac"
    assert made.notes == {"targets_repeating": 1, "targets_of_cold_users": 1}


def test_repeats_and_cold_users_on_request():
    made = split(GLOBAL, "global-time", at=5.0, repeats=True, cold=True)
    assert GLOBAL.users.decode(made.test.user) == ["u", "w"]
    assert [names(GLOBAL, made.test.truth.one(b)) for b in range(2)] == ["ba", "d"]
    assert made.test.history.lengths.tolist() == [1, 0]


def test_the_cut_as_share_and_as_text():
    assert split(GLOBAL, "global-time", at=0.4).options["moment"] == 9.0
    rows = [("u", "a", 1_714_521_600), ("u", "b", 1_714_694_400)]
    assert len(split(log(rows), "global-time", at="2024-05-02").test) == 1


def test_a_share_counts_only_what_may_be_asked():
    # Nine events of a reading list without times of their own, then two clicks.
    lists = [("u", f"h{n}", n) for n in range(9)]
    data = log([*lists, ("u", "a", 20), ("u", "b", 30)], event=["history"] * 9 + ["click"] * 2)
    made = split(data, "global-time", at=0.5)
    assert made.options["moment"] == 30.0
    assert names(data, made.test.truth.item) == "b"
    assert made.test.history.lengths.tolist() == [10]
    with pytest.raises(EmptyTraining, match="nothing to ask"):
        split(log(lists, event=["history"] * 9), "global-time", at=0.5)


@pytest.mark.parametrize("at", [0, -1, float("nan"), "soon"])
def test_impossible_cuts(at):
    with pytest.raises(BadConfig):
        split(GLOBAL, "global-time", at=at)


def test_no_clock_no_global_cut():
    data = dataclasses.replace(GLOBAL, clock="rank")
    with pytest.raises(BadConfig, match="no clock"):
        split(data, "global-time")
    with pytest.raises(BadConfig, match="no clock"):
        split(data, "ctr-time-811")


def test_all_times_equal_cannot_be_cut():
    with pytest.raises(EmptyTraining, match="before the cut"):
        split(log([("u", "a", 1), ("v", "b", 1)]), "global-time")


def crowd(n_users=40, n_items=10):
    return log([(f"u{u}", f"i{(u + j) % 17}", j) for u in range(n_users) for j in range(n_items)])


def test_held_out_users_are_unknown_to_the_model():
    data = crowd()
    made = split(data, "strong-gen", seed=5)
    assert len(made.test) == len(made.tune_test) == 4
    held = set(made.test.user) | set(made.tune_test.user)
    assert len(held) == 8
    assert not held & set(made.train.interactions.user)
    assert made.test.history.lengths.tolist() == [8] * 4
    assert made.test.truth.lengths.tolist() == [2] * 4
    for b in range(4):
        assert not set(made.test.history.one(b)) & set(made.test.truth.one(b))
        assert (
            np.diff(made.test.history.at[made.test.history.offsets[b] : made.test.history.offsets[b + 1]]) > 0
        ).all()


def test_the_choice_of_users_depends_on_the_seed_alone():
    first, same, other = (split(crowd(), "strong-gen", seed=seed).test for seed in (1, 1, 2))
    assert first.user.tolist() == same.user.tolist()
    assert first.truth.item.tolist() == same.truth.item.tolist()
    assert first.user.tolist() != other.user.tolist()


def test_too_few_users_to_hold_out():
    with pytest.raises(EmptyTraining):
        split(crowd(n_users=2), "strong-gen")


def test_the_split_the_data_came_with():
    data = log([("u", "a", 0), ("v", "b", 1), ("u", "c", 2)], event=["train", "train", "test"])
    train, test = split(data, "published")
    assert names(data, train.interactions.item) == "ab"
    assert names(data, test.truth.item) == "c"
    with pytest.raises(BadConfig, match="without a split"):
        split(GLOBAL, "published")


def rated():
    rng = np.random.default_rng(0)
    rows = [(f"u{u}", f"i{i}", float(t)) for t, (u, i) in enumerate(rng.integers(0, 9, (100, 2)))]
    return log(rows[::-1], rating=np.tile([1.0, 4.0, 5.0, 3.0], 25))


def test_rows_at_random_and_in_time():
    data = rated()
    chance, timed = split(data, "ctr-random-811", seed=1), split(data, "ctr-time-811")
    for made in (chance, timed):
        parts = [made.train_rows, made.valid_rows, made.test_rows]
        assert [len(part) for part in parts] == [80, 10, 10]
        assert sorted(np.concatenate(parts).tolist()) == list(range(100))
        assert made.label.tolist() == [False, True, True, False] * 25
        assert made.describe()["positive"] == 0.5
    assert timed.at[timed.train_rows].max() < timed.at[timed.valid_rows].min()
    assert timed.at[timed.valid_rows].max() < timed.at[timed.test_rows].min()
    assert chance.train_rows.tolist() != split(data, "ctr-random-811", seed=2).train_rows.tolist()


def test_shown_items_are_rows_with_clicks_as_labels():
    shown = pl.DataFrame(
        {"user_id": ["u"] * 10, "timestamp": [float(t) for t in range(10)], "item_id": [["a", "b"]] * 10}
    ).with_columns(clicked=pl.lit([False, True], dtype=pl.List(pl.Boolean)))
    data = dataset_from_frames({"user_id": ["u"], "item_id": ["a"], "timestamp": [1.0]}, impressions=shown)
    made = split(data, "ctr-time-811")
    assert made.table == "impressions"
    assert made.label.tolist() == [False, True] * 10
    assert made.item[made.test_rows].tolist() == [0, 1]


def test_rows_of_one_label_are_refused():
    with pytest.raises(BadConfig, match="the same label"):
        split(GLOBAL, "ctr-random-811")


def test_unknown_protocol_and_option_suggest_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'leave-last-out'"):
        split(TIES, "leave-one-out")
    with pytest.raises(BadConfig, match=r"no option 'stric'. Did you mean 'strict'"):
        split(TIES, "leave-last-out", stric=True)


def test_a_leak_is_detected():
    made = split(TIES)
    leaking = Split("x", {}, TIES, TIES, made.test)
    with pytest.raises(LeakDetected, match="2 events"):
        refuse_leak(TIES, leaking.test)


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 6)), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(rows=EVENTS, strict=st.booleans())
def test_no_asked_event_is_learnt_from_and_histories_end_before_now(rows, strict):
    data = log([(f"u{u}", f"i{i}", t) for u, i, t in rows])
    for protocol, options in (("leave-last-out", {"strict": strict}), ("global-time", {"at": 3.0})):
        try:
            made = split(data, protocol, **options)
        except EmptyTraining:
            continue
        learnt = made.train.interactions
        learnt = set(zip(learnt.user.tolist(), learnt.item.tolist(), learnt.at.tolist(), strict=True))
        asked = zip(
            made.test.user[made.test.truth.row].tolist(), made.test.truth.item.tolist(), made.test.truth.at.tolist(),
            strict=True,
        )  # fmt: skip
        assert not learnt & set(asked)
        assert (made.test.history.at < made.test.now[made.test.history.row]).all()
        if not strict:
            read = made.train.histories(made.test.user, before=made.test.now)
            assert read.item.tolist() == made.test.history.item.tolist()


@pytest.mark.real_data("ml-100k")
def test_movielens_100k_split(ml_100k):
    made = split(ml_100k, "leave-last-out")
    assert (made.train.n_events, len(made.test)) == (99_057, 943)
    assert split(ml_100k, strict=True).train.n_events == 98_114
    assert made.notes == {"targets_repeating": 0, "copies_dropped": 0}


@pytest.mark.real_data("ml-1m")
def test_movielens_1m_drops_rare_items(ml_1m):
    made = split(ml_1m, min_item_events=5)
    kept = made.data.interactions
    assert len(np.unique(kept.item)) == 3416
    assert len(made.test) == 6040
    assert len(kept) == 999_611


@pytest.mark.real_data("gowalla")
def test_gowalla_published_split(gowalla):
    train, test = split(gowalla, "published")
    assert (train.n_events, len(test.truth.item), len(test)) == (810_128, 217_242, 29_858)


@pytest.mark.real_data("mind-small-sample")
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_mind_is_cut_inside_the_weeks_that_were_logged(mind_small_sample, at):
    events, shown = mind_small_sample.interactions, mind_small_sample.impressions
    clicks = events.at[events.type == events.types.index("click")]
    assert len(clicks) < 0.1 * len(events), "nearly everything is a reading list"
    made = split(mind_small_sample, "global-time", at=at)
    assert shown.at.min() < made.options["moment"] < shown.at.max()
    assert np.mean(clicks < made.options["moment"]) == pytest.approx(at, abs=0.001)
    assert 0 < len(made.train.impressions) < len(shown)


@pytest.mark.real_data("book-synthetic")
def test_book_split(book_synthetic):
    train, test = split(book_synthetic)
    assert (train.n_events, len(test)) == (17_700, 300)


def test_cold_items_keep_their_description_and_lose_every_event():
    data = crowd()
    made = split(data, "item-cold", share=0.2, min_events=2, seed=3)
    cold = np.unique(made.test.truth.item)
    assert len(cold) == int(0.2 * (np.bincount(data.interactions.item) >= 2).sum())
    assert not np.isin(made.train.interactions.item, cold).any()
    assert made.train.n_items == data.n_items
    assert not np.isin(made.test.history.item, cold).any()
    asked = np.isin(data.interactions.item, cold)
    pairs = set(zip(data.interactions.user[asked].tolist(), data.interactions.item[asked].tolist(), strict=True))
    found = set(zip(made.test.user[made.test.truth.row].tolist(), made.test.truth.item.tolist(), strict=True))
    assert found <= pairs
    assert all(not (made.train.interactions.user == user).any() for user, _ in pairs - found), "nothing else is known"
    tuned = np.unique(made.tune_test.truth.item)
    assert not np.isin(tuned, cold).any()
    assert not np.isin(made.tune_train.interactions.item, np.r_[cold, tuned]).any()
    other = split(data, "item-cold", share=0.2, min_events=2, seed=4)
    assert np.unique(other.test.truth.item).tolist() != cold.tolist()
    with pytest.raises(EmptyTraining, match="too few items"):
        split(data, "item-cold", min_events=10_000)
    with pytest.raises(BadConfig, match="share"):
        split(data, "item-cold", share=0.7)


def test_some_of_what_is_asked_keeps_each_request_with_its_truth():
    test = split(small_log(n_users=12), "global-time").test
    rows = np.array([1, 4, 5])
    some = test.take(rows)
    assert some.user.tolist() == test.user[rows].tolist()
    assert some.now.tolist() == test.now[rows].tolist()
    for place, row in enumerate(rows):
        assert some.truth.one(place).tolist() == test.truth.one(row).tolist()
        assert some.history.one(place).tolist() == test.history.one(row).tolist()
    starts = test.truth.offsets
    wanted = np.concatenate([test.rows[starts[row] : starts[row + 1]] for row in rows])
    assert some.rows.tolist() == wanted.tolist()
    assert len(some.value) == len(wanted)
