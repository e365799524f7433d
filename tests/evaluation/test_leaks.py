"""Leaks that must be found, and honest data that must pass."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.core.errors import LeakDetected
from shortlist.core.types import History
from shortlist.data.splits import split
from shortlist.evaluation.leaks import refuse_leaky_columns, refuse_leaky_split
from tests.evaluation.worlds import noise, world


@pytest.mark.parametrize("protocol", ["leave-last-out", "global-time", "strong-gen"])
def test_named_protocols_pass(protocol):
    made = split(noise(60, 20, 6), protocol)
    refuse_leaky_split(made.train, made.test)


def test_training_on_what_is_asked_is_found():
    data = noise(60, 20, 6)
    made = split(data, "leave-last-out")
    with pytest.raises(LeakDetected, match="60 training events"):
        refuse_leaky_split(data, made.test)


def test_coming_back_to_an_item_is_no_leak():
    made = split(world([(0, 0), (0, 1), (0, 0)]), "leave-last-out")
    refuse_leaky_split(made.train, made.test)


def test_a_history_with_its_own_future_is_found():
    import dataclasses

    made = split(world([(0, 0), (0, 1), (0, 2)]), "leave-last-out")
    late = History.of([[0, 1]], at=[[1.0, 99.0]])
    with pytest.raises(LeakDetected, match="1 history events"):
        refuse_leaky_split(made.train, dataclasses.replace(made.test, history=late))


def test_the_label_as_a_column_is_named():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 500)
    columns = {"honest": label + rng.normal(0, 2, 500), "noise": rng.normal(size=500)}
    refuse_leaky_columns(columns, label)
    with pytest.raises(LeakDetected, match="'planted'"):
        refuse_leaky_columns({**columns, "planted": label.astype(float)}, label)
    with pytest.raises(LeakDetected, match="'upside_down'"):
        refuse_leaky_columns({"upside_down": -3.0 * label}, label)


def test_one_class_hides_nothing():
    refuse_leaky_columns({"any": np.arange(4.0)}, np.ones(4))


def test_a_leak_within_one_second_is_found():
    import dataclasses

    data = noise(60, 20, 6)
    # With many events in one second the moment of asking lies just after the event that is asked for.
    events = dataclasses.replace(data.interactions, at=np.floor(data.interactions.at / 1000))
    data = dataclasses.replace(data, interactions=events)
    with pytest.raises(LeakDetected, match="60 training events"):
        refuse_leaky_split(data, split(data, "leave-last-out").test)
