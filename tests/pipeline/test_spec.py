"""Reading, checking, changing and hashing specs."""

import pytest

from shortlist.core.errors import BadSpec
from shortlist.pipeline.spec import PipelineSpec, describe, dump_toml, load_spec, parse_toml, shipped_specs

TOML = """
name = "t"
[[model]]
label = "knn"
use = "item_knn"
config = { neighbours = 7 }
[[source]]
use = "model"
model = "knn"
k = 30
[[source]]
use = "popular"
[[filter]]
use = "seen"
[[scorer]]
use = "blend"
weights = { "score.knn" = 1.0, "score.popular" = 0.5 }
"""


def test_a_spec_survives_being_written_and_read():
    spec = parse_toml(TOML)
    again = parse_toml(dump_toml(spec))
    assert again == spec
    assert again.hash == spec.hash
    assert len(spec.hash) == 12
    assert spec.surface == "t"


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_every_shipped_spec_loads_and_survives(name):
    spec = load_spec(name)
    assert spec.name == spec.surface == name
    assert parse_toml(dump_toml(spec)).hash == spec.hash
    assert PipelineSpec.from_dict(spec.model_dump(mode="json")).hash == spec.hash


def test_the_three_surfaces_are_shipped():
    assert set(shipped_specs()) >= {"home", "similar", "session"}


def test_the_hash_is_over_the_resolved_form():
    spec = parse_toml(TOML)
    assert parse_toml(TOML + '[selector]\nuse = "top"\nreserve = 0\n').hash == spec.hash
    assert parse_toml(TOML + '[selector]\nuse = "top"\nreserve = 1\n').hash != spec.hash


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('use = "seen"', 'use = "sean"'), ["sean", "Did you mean 'seen'"]),
        (("k = 30", "kk = 30"), ["source 0", "kk", "Did you mean 'k'"]),
        (("k = 30", "k = 0"), ["source 0", "'k'", "greater than or equal to 1"]),
        (('use = "item_knn"', 'use = "item_kn"'), ["item_kn", "Did you mean 'item_knn'"]),
        (("neighbours", "neighbors"), ["model 'knn'", "neighbors", "Did you mean 'neighbours'"]),
        (('model = "knn"', 'model = "kn"'), ["source 0", "'kn'", "Did you mean 'knn'"]),
        (('name = "t"', 'nam = "t"'), ["nam", "Did you mean 'name'"]),
        (("[[source]]", "[[sources]]"), ["sources", "Did you mean 'source'"]),
        (('name = "t"', "name = t"), ["not valid TOML", "line 2"]),
        (('"score.popular" = 0.5', '"score.popular" = nan'), ["scorer 0", "weights"]),
        (('[[scorer]]\nuse = "blend"', '[[scorer]]\nuso = "blend"'), ["scorer"]),
    ],
)
def test_mistakes_are_named(change, words):
    assert change[0] in TOML
    with pytest.raises(BadSpec) as caught:
        parse_toml(TOML.replace(*change))
    for word in words:
        assert word in str(caught.value)


def test_two_models_of_one_label_are_refused():
    with pytest.raises(BadSpec, match="Two models are labelled 'knn'"):
        parse_toml(TOML + '[[model]]\nlabel = "knn"\nuse = "trails"\n')


@pytest.mark.parametrize("path", ["source.0.k", "source.knn.k"])
def test_overrides_by_number_and_by_name(path):
    spec = parse_toml(TOML)
    changed = spec.with_overrides({path: 99})
    assert changed.source[0].config["k"] == 99
    assert spec.source[0].config["k"] == 30
    assert changed.hash != spec.hash
    assert spec.with_overrides({path: 30}).hash == spec.hash


def test_overrides_reach_models_weights_and_the_top():
    spec = parse_toml(TOML).with_overrides({"model.knn.neighbours": 9, "k": 20, "source.popular.enabled": False})
    assert (spec.model[0].config, spec.k) == ({"neighbours": 9}, 20)
    assert spec.source[1].config["enabled"] is False


@pytest.mark.parametrize("path", ["source.9.k", "sauce.0.k", "source.0", "source.knn.kk", "training.nope"])
def test_overrides_that_lead_nowhere(path):
    with pytest.raises(BadSpec):
        parse_toml(TOML).with_overrides({path: 1})


def test_files(tmp_path):
    (tmp_path / "a.toml").write_text(TOML)
    assert load_spec(tmp_path / "a.toml").name == "t"
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    for name in ("b.toml", "missing.toml"):
        with pytest.raises(BadSpec, match=name):
            load_spec(tmp_path / name)
    with pytest.raises(BadSpec, match="Did you mean 'home'"):
        load_spec("hom")


def test_a_copy_has_its_own_hash():
    spec = parse_toml(TOML)
    assert spec.hash != spec.model_copy(update={"k": 33}).hash


def test_a_spec_describes_itself_without_a_world():
    rows = {row["name"]: row for row in describe(load_spec("home"))}
    assert rows["trails (trails)"]["kind"] == "model"
    assert rows["trails (model)"]["provides"] == ["score.trails"]
    assert rows["blend"]["requires"] == ["score.trails", "score.content", "item_events", "item_trending"]
    assert rows["seen"]["kind"] == "filter"
