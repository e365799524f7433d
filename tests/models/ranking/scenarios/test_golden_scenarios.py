"""Rankers of several scenarios on real rows: people of three ages, by the plain mean of the AUC within each.

The bench that prints the tables is what is run here, so the page and the test cannot part. Fits are kept in the folder
of SHORTLIST_BENCH_KEEP, if there is one, and not made again.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'nn'")

from benchmarks import task_sets, task_tables, tasks

pytestmark = [pytest.mark.golden, pytest.mark.slow, pytest.mark.real_data("ml-1m"), pytest.mark.xdist_group("ages")]


@pytest.mark.parametrize("name", ["star", "pepnet"])
def test_no_worse_than_a_tower_per_scenario(name, tmp_path_factory):
    folder = Path(os.environ.get("SHORTLIST_BENCH_KEEP") or tmp_path_factory.getbasetemp() / "fits")
    bench = task_sets.ages()
    found, floor = (
        task_tables.figures(bench, tasks.fitted(bench, each, 0, folder=folder)) for each in (name, tasks.FLOOR)
    )
    assert found["mean of groups"] >= floor["mean of groups"]
