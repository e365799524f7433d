"""Named protocols that divide data into what models may learn from and what they are asked.

A number without its protocol means nothing, so every split carries an id and its options into each report. Test
requests are rows with their own user, time and history; `history` holds all that the protocol lets a model see at test
time. No event that is asked for is ever among the events learnt from; each protocol checks that before it returns.
"""

# Not lazy: files are called after their protocols, and importing one later would hide the function of that name.
from shortlist.data.splits.asking import NOT_ASKED, refuse_leak
from shortlist.data.splits.base import RowSplit, Split, Targets, split
from shortlist.data.splits.ctr_rows import ctr_random_811, ctr_time_811
from shortlist.data.splits.global_time import global_time
from shortlist.data.splits.item_cold import item_cold
from shortlist.data.splits.leave_last_out import leave_last_out
from shortlist.data.splits.published import published
from shortlist.data.splits.strong_gen import strong_gen

__all__ = [
    "NOT_ASKED",
    "RowSplit",
    "Split",
    "Targets",
    "ctr_random_811",
    "ctr_time_811",
    "global_time",
    "item_cold",
    "leave_last_out",
    "published",
    "refuse_leak",
    "split",
    "strong_gen",
]
