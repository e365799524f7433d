"""The bench of tasks and scenarios on rows made up: who judges what, and that finished fits are not made again."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'nn'")

from benchmarks import task_sets, task_tables, tasks

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
    found = task_tables.judged(bench, fit)
    liked, loved = (bench.labels[task][250:] for task in ("liked", "loved"))
    step = found["loved|liked"]
    assert step.rows.tolist() == (liked > 0).tolist()
    assert step.label.tolist() == loved[liked > 0].tolist()
    assert step.score.tolist() == (fit.score[:, 1] / fit.score[:, 0])[liked > 0].tolist()
    assert step.cluster.tolist() == bench.cluster[250:][liked > 0].tolist()
    assert found["loved|liked, all rows"].label.tolist() == loved.tolist()
    would = np.arange(300) % 2.0
    known = task_tables.judged(made_up("stars", funnel=True, would=would), fit)["loved|liked, all rows"]
    assert known.label.tolist() == would[250:].tolist()
    assert known.score.tolist() == (fit.score[:, 1] / fit.score[:, 0]).tolist()


def test_judged_tasks_are_found_by_name_in_a_fit_of_more():
    bench = made_up("stars", funnel=True, tasks=("liked", "loved"))
    score = np.random.default_rng(1).random((50, 3))
    found = task_tables.judged(bench, tasks.Fit(("fine", "liked", "loved"), score, 0.5, 1, 0.0, {}))
    assert list(found) == ["liked", "loved", "loved|liked", "loved|liked, all rows"]
    assert found["loved"].score.tolist() == score[:, 2].tolist()


def test_a_network_of_the_later_step_is_taught_by_rows_of_the_earlier_one(monkeypatch):
    bench = made_up("stars", funnel=True)
    asked = []

    def noted(bench, name, of, seed, extra, folder):
        asked.append((of, bench.sizes, bench.labels["liked"][: -bench.sizes[2]].min()))
        return tasks.Fit(of, np.full((bench.sizes[2], 1), 0.5), 0.5, 1, 0.0, {})

    monkeypatch.setattr(tasks, "kept", noted)
    fit = tasks.after(bench, 0, {}, None)
    liked = bench.labels["liked"]
    assert asked[0] == (("liked",), (200, 50, 50), 0.0)
    assert asked[1] == (("loved",), (liked[:200].sum(), liked[200:250].sum(), 50), 1.0)
    assert fit.score.tolist() == [[0.5, 0.25]] * 50


def test_names_of_the_bench_and_of_balances(monkeypatch):
    bench = made_up("ages", scenario="group", labels={"click": np.arange(300) % 2.0})
    seen = []

    def noted(bench, name, of, seed, settings):
        seen.append((name, bench.scenario, settings.get("balance"), settings.get("prior_columns")))
        return None

    monkeypatch.setattr(tasks, "made", noted)
    for name in ("plain", "mmoe+pcgrad", "pepnet", "cgc"):
        tasks.fitted(bench, name, 0)
    assert seen == [
        ("shared_bottom", "", None, None),
        ("mmoe", "group", "pcgrad", None),
        ("pepnet", "group", None, ("user", "item")),
        ("ple", "group", None, None),
    ]
    assert tasks.floors(bench) == ("shared_bottom",)


def test_the_tables_name_every_model_and_compare_it():
    bench = made_up("stars", funnel=True)
    found = {name: [tasks.fitted(bench, name, 0, QUICK)] for name in ("alone", "shared_bottom")}
    lines = task_tables.table(bench, found).splitlines()
    assert len(lines) == 4
    assert lines[0].count("(95 %") == 4
    lines = task_tables.gains(bench, found, "alone").splitlines()
    assert len(lines) == 3
    assert lines[2].count(" to ") == 4
    ages = made_up("ages", scenario="group", labels={"click": bench.labels["liked"]})
    found = {name: [tasks.fitted(ages, name, s, QUICK) for s in (0, 1)] for name in ("shared_bottom", "star")}
    lines = task_tables.table(ages, found).splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("| star |")
    each = task_tables.figures(ages, found["star"][0])
    assert set(each) == {"group 0", "group 1", "group 2", "mean of groups", "all rows"}
    assert each["mean of groups"] == pytest.approx(np.mean([each[f"group {g}"] for g in range(3)]), abs=2e-4)


def test_an_interval_of_a_figure_is_that_of_its_auc():
    from shortlist.evaluation.stats import bootstrap_auc

    bench = made_up("stars", labels={"liked": np.arange(300) % 2.0})
    fit = tasks.Fit(("liked",), np.random.default_rng(1).random((50, 1)), 0.5, 1, 0.0, {})
    low, high = bootstrap_auc(
        bench.labels["liked"][250:], fit.score[:, 0], bench.cluster[250:], draws=task_tables.DRAWS
    )
    assert f"({low:.3f} to {high:.3f})" in task_tables.table(bench, {"one": [fit]})


def test_what_would_have_been_bought_is_known_in_the_made_world():
    bench = task_sets.funnel()
    click, basket, purchase = (bench.labels[task] > 0 for task in ("click", "basket", "purchase"))
    assert (purchase <= click).all()
    assert (basket <= click).all()
    assert (purchase[click] == bench.would[click]).all()
    assert 0.1 < click.mean() < 0.3
    assert 0.1 < purchase[click].mean() < 0.3
    # Clicked rows are not like the rest, or judging them apart would show nothing.
    assert bench.would[click].mean() > 1.3 * bench.would[~click].mean()
    assert (purchase & ~basket).any()
    assert bench.chance.mean(0) == pytest.approx([click.mean(), purchase.mean()], abs=0.005)
    bounds = task_tables.figures(bench, tasks.fitted(bench, "truth", 0))
    assert {"click": 0.8129, "purchase|click": 0.8629, "purchase|click, all rows": 0.8631}.items() <= bounds.items()


@pytest.mark.real_data("ml-100k")
def test_rows_of_a_film_set_are_a_funnel():
    bench = task_sets.stars()
    assert (bench.labels["loved"] <= bench.labels["liked"]).all()
    assert (bench.labels["liked"] <= bench.labels["fine"]).all()
    assert sum(bench.sizes) == 100_000
    assert bench.labels["liked"].sum() == 55_375
    assert bench.labels["loved"].sum() == 21_201
    assert bench.asked == ("liked", "loved")
