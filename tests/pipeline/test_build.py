"""Every wiring mistake is found before the first request, and says who could help."""

from dataclasses import replace

import pytest

from shortlist.core.errors import BadSpec, StageError
from shortlist.models import create
from shortlist.pipeline.build import build, check, describe, offline_world, unmet, validate
from shortlist.pipeline.spec import load_spec, shipped_specs
from shortlist.pipeline.stages.filters.seen import Seen
from shortlist.pipeline.stages.hydrators.item_counts import ItemCounts


def cap(**more):
    return [{"use": "max_per_group", "column": "category", **more}]


def test_a_missing_column_names_the_stage_and_who_could_provide_it(plain, world):
    with pytest.raises(BadSpec) as caught:
        build(plain(reranker=cap()), world)
    assert caught.value.message == (
        "Reranker 'max_per_group' needs the column 'category', which nothing before it provides."
    )
    assert caught.value.hint == 'Add: [[hydrator]] use = "item_columns", columns = ["category"].'
    assert caught.value.field == "category"


def test_a_column_that_comes_too_late_says_so(plain, world):
    spec = plain(
        hydrator=[{"use": "profile_columns", "columns": ["item_events"]}, {"use": "item_counts"}],
    )
    with pytest.raises(BadSpec, match="hydrator 'item_counts' provides it: move that before"):
        build(spec, world)


def test_a_column_that_nobody_has_suggests_the_nearest(plain, world):
    with pytest.raises(BadSpec, match=r"Did you mean 'score\.popular'"):
        build(plain(scorer=[{"use": "first_score", "columns": ["score.populer"]}]), world)
    with pytest.raises(BadSpec, match=r"score\.trials"):
        build(plain(scorer=[{"use": "blend", "weights": {"score.trials": 1}}]), world)


def test_a_score_that_a_model_could_give_says_so(plain, shop):
    world = offline_world(shop, {"knn": create("item_knn").fit(shop)})
    with pytest.raises(BadSpec, match='use = "model_score", model = "knn"'):
        build(plain(scorer=[{"use": "first_score", "columns": ["score.knn"]}]), world)


def test_a_model_that_is_not_fitted(plain, world):
    with pytest.raises(BadSpec, match="needs the model 'knn', which is not fitted"):
        build(plain(source=[{"use": "model", "model": "knn"}]), world)


def test_without_a_score_nothing_can_be_selected(plain, world):
    with pytest.raises(BadSpec, match="provides the column 'score'"):
        build(plain(scorer=[]), world)


def test_without_a_source_there_is_nothing_to_do(plain, world):
    with pytest.raises(BadSpec, match=r"no source left \(popular: disabled\)"):
        build(plain(source=[{"use": "popular", "enabled": False}]), world)


def test_stages_are_left_out_for_what_the_data_lacks_and_say_why(plain, world):
    runner = build(
        plain(
            reranker=cap(when=["colour"]),
            hydrator=[
                {"use": "item_columns", "columns": ["category"], "when": ["colour|category"]},
                {"use": "history_size", "enabled": False},
            ],
        ),
        world,
    )
    assert runner.left_out == (("hydrator", "history_size", "disabled"), ("reranker", "max_per_group", "needs colour"))
    assert [stage.name for stage in runner.stages["hydrator"]] == ["item_columns"]
    rows = describe(runner)
    assert rows[-1].left_out == "needs colour"
    assert validate(plain(), world)[0].name == "history"


def test_a_blend_may_name_what_was_left_out_but_not_what_never_was(plain, world):
    source = [{"use": "popular"}, {"use": "model", "model": "ghost", "when": ["model:ghost"]}]
    weights = {"score.popular": 1.0, "score.ghost": 1.0}
    build(plain(source=source, scorer=[{"use": "blend", "weights": weights}]), world)
    with pytest.raises(BadSpec, match=r"score\.host"):
        build(plain(source=source, scorer=[{"use": "blend", "weights": {"score.host": 1.0}}]), world)


def test_conditions(world):
    assert unmet(["category", "model:x|price"], world) == ""
    assert unmet(["category", "model:x"], world) == "model:x"
    assert unmet(["profile:age"], world) == ""
    assert unmet(["profile:height"], world) == "profile:height"
    assert unmet(["impressions"], world, ["impressions"]) == ""
    with pytest.raises(BadSpec, match="no known kind"):
        unmet(["modle:x"], world)


def test_two_stages_of_one_kind_get_two_names(plain, world):
    spec = plain(hydrator=[{"use": "item_columns", "columns": ["category"]}], reranker=cap() + cap() + cap(name="mine"))
    names = [stage.name for stage in build(spec, world).stages["reranker"]]
    assert names == ["max_per_group", "max_per_group_2", "mine"]


def test_filters_that_need_no_hydrator_run_before_them(plain, world):
    spec = plain(
        hydrator=[{"use": "item_counts"}],
        filter=[{"use": "seen"}, {"use": "expression", "keep": "item_events > 1"}, {"use": "unavailable"}],
    )
    stages = build(spec, world).stages
    assert [stage.name for stage in stages["early"]] == ["exclude", "caller_filter", "seen", "unavailable"]
    assert [stage.name for stage in stages["filter"]] == ["expression"]


def test_a_condition_in_a_spec_is_checked(plain, world):
    with pytest.raises(BadSpec, match=r"'expression'.*number cannot be compared with a text"):
        build(plain(filter=[{"use": "expression", "keep": 'price == "low"'}]), world)
    with pytest.raises(BadSpec, match="Did you mean 'price'"):
        build(plain(filter=[{"use": "expression", "keep": "prise < 3"}]), world)


def test_a_stage_reads_only_what_it_declares(world, plain):
    runner = build(plain(), world)
    seen = next(stage for stage in runner.stages["early"] if isinstance(stage, Seen))
    assert seen.world.history is world.history
    with pytest.raises(StageError, match=r"'seen' reads world\.models without declaring"):
        seen.world.models["x"]
    with pytest.raises(StageError, match=r"world\.counts"):
        seen.world.counts.read(None, None)


def test_no_stage_asks_for_more_than_three_parts():
    from shortlist.core.registry import load, rows
    from shortlist.pipeline.spec import KINDS

    for kind in KINDS.values():
        for row in rows(kind):
            assert len(load(row.name, kind).needs) <= 3, row.name


def test_an_optional_hydrator_needs_defaults(plain, world, monkeypatch):
    monkeypatch.setattr(ItemCounts, "optional", True)
    with pytest.raises(BadSpec, match="no default for all of its columns"):
        build(plain(hydrator=[{"use": "item_counts"}]), world)


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_shipped_specs_can_be_built_on_anything(name, shop):
    from shortlist.testing.worlds import dataset_of

    check(load_spec(name), shop)
    bare = check(load_spec(name), dataset_of([(0, 0, 1.0), (0, 1, 2.0)], n_users=1, n_items=2))
    assert bare.stages["source"]
    assert not any("title" in stage.name for stage in bare.stages["early"])


def test_a_world_without_history_is_fine(plain, shop, world):
    from shortlist.core.types import History, Requests

    runner = build(plain(), replace(world, history=None))
    past = History.of([list(range(20))])
    slates = runner.run(Requests.of([0], now=2e9, k=32, history=past))
    assert sorted(slates.items(0)) == list(range(20, 32))
