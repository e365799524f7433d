"""Batches: one outcome per row, one transaction for the rest."""

import pytest

from shortlist.core.errors import TooMany
from shortlist.stores.intake import take_in
from shortlist.stores.memory import MemoryEventLog

NOW = 1_795_348_800.0
CLICK = {"event": "interaction", "event_id": "e1", "user_id": "u1", "item_id": "i1", "type": "click"}


def test_one_outcome_per_row_in_order():
    log = MemoryEventLog()
    rows = [
        CLICK,
        {**CLICK, "event_id": "e2", "value": "3"},
        CLICK,
        {**CLICK, "item_id": "x"},
        None,
        {"event_id": "a\n"},
    ]
    got = take_in(log, rows, NOW)
    assert [o.status for o in got] == ["accepted", "rejected", "duplicate", "rejected", "rejected", "rejected"]
    assert [o.field for o in got] == [None, "value", None, "event_id", "event", "event"]
    assert [o.event_id for o in got] == ["e1", "e2", "e1", "e1", None, None]
    assert "number" in got[1].reason
    assert "stored first" in got[3].reason
    assert [o.event is not None for o in got] == [True, False, False, False, False, False]
    assert log.count() == 1


def test_nothing_and_too_much():
    log = MemoryEventLog()
    assert take_in(log, [], NOW) == []
    assert len(take_in(log, [CLICK] * 10_000, NOW)) == 10_000
    with pytest.raises(TooMany):
        take_in(log, [CLICK] * 10_001, NOW)
    assert log.count() == 1
