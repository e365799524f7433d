"""The bench of tasks and scenarios on rows made up: who judges what, and that finished fits are not made again."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'nn'")

from benchmarks import tasks

QUICK = {"epochs": 1, "factors": 4, "hidden": (8,), "towers": (4,), "batch_size": 64}


def made_up(name, **more):
    rng = np.random.default_rng(0)
    columns = {"a": rng.integers(0, 5, 300), "b": rng.normal(size=300), "group": np.arange(300) % 3}
    first = (rng.random(300) < 0.5).astype(float)
    labels = {"liked": first, "loved": first * (rng.random(300) < 0.5)}
    bench = {"labels": labels, **more}
    return tasks.Bench(name, columns, ("a", "group"), cluster=np.arange(300) // 2, sizes=(200, 50, 50), **bench)


def test_a_finished_fit_is_read_back(tmp_path, monkeypatch):
    bench = made_up("stars", funnel=True)
    one = tasks.kept(bench, "esmm", ("liked", "loved"), 0, QUICK, tmp_path)
    monkeypatch.setattr(tasks, "made", None)
    again = tasks.kept(bench, "esmm", ("liked", "loved"), 0, QUICK, tmp_path)
    assert again.score.tolist() == one.score.tolist()
    assert (again.valid, again.epoch) == (one.valid, one.epoch)
    with pytest.raises(TypeError):
        tasks.kept(bench, "esmm", ("liked", "loved"), 1, QUICK, tmp_path)


def test_the_step_of_a_funnel_is_judged_on_rows_that_got_that_far():
    bench = made_up("stars", funnel=True)
    fit = tasks.Fit(("liked", "loved"), np.random.default_rng(1).random((50, 2)), 0.5, 1, 0.0, {})
    rows, label, score = tasks.judged(bench, fit)["loved|liked"]
    liked = bench.labels["liked"][250:] > 0
    assert rows.tolist() == liked.tolist()
    assert label.tolist() == bench.labels["loved"][250:][liked].tolist()
    assert score.tolist() == (fit.score[:, 1] / fit.score[:, 0])[liked].tolist()


def test_the_tables_name_every_model_and_compare_it():
    bench = made_up("stars", funnel=True)
    found = {
        "alone": [tasks.alone(bench, 0, QUICK, None)],
        "shared_bottom": [tasks.kept(bench, "shared_bottom", ("liked", "loved"), 0, QUICK, None)],
    }
    lines = tasks.task_table(bench, found).splitlines()
    assert len(lines) == 4
    assert lines[0].count("(95 %)") == 3
    assert lines[3].count(" to ") >= 6
    ages = made_up("ages", scenario="group", labels={"click": bench.labels["liked"]})
    found = {name: [tasks.kept(ages, name, ("click",), s, QUICK, None) for s in (0, 1)]
             for name in ("shared_bottom", "star")}  # fmt: skip
    lines = tasks.scenario_table(ages, found).splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("| star |")
    each = tasks.figures(ages, found["star"][0])
    assert set(each) == {"group 0", "group 1", "group 2", "macro", "pooled"}
    assert each["macro"] == pytest.approx(np.mean([each[f"group {g}"] for g in range(3)]), abs=2e-4)


def test_rows_of_a_film_set_are_a_funnel():
    from shortlist.core.errors import SchemaMismatch

    try:
        bench = tasks.stars()
    except SchemaMismatch as error:
        pytest.skip(error.message)
    assert (bench.labels["loved"] <= bench.labels["liked"]).all()
    assert sum(bench.sizes) == 100_000
    assert bench.labels["liked"].sum() == 55_375
    assert bench.labels["loved"].sum() == 21_201
