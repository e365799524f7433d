"""The table of click models: from a set's files to its AUC, for every sample."""

import numpy as np
import pytest

from benchmarks import ctr
from shortlist.core.settings import settings
from shortlist.evaluation.metrics import auc

QUICK = {"epochs": 1, "batch_size": 1024, "learning_rate": 0.01, "start": 0.1, "factors": 4, "hidden": [8]}
SAMPLES = [
    ("adult", "ctr-random-811", "widedeep-tabular"),
    ("ali-ccp-sample", "published", "ctr-tiny-samples"),
    ("aliexpress-sample", "published", "ctr-tiny-samples"),
    ("byterec-sample", "ctr-random-811", "ctr-tiny-samples"),
    ("census-income", "ctr-random-811", "census-income-kdd"),
    ("clothing-reviews", "ctr-random-811", "widedeep-tabular"),
    ("criteo-sample", "ctr-random-811", "criteo-sample"),
    ("douban-sample", "ctr-random-811", "ctr-tiny-samples"),
    ("kuairand-sample", "ctr-random-811", "ctr-tiny-samples"),
    ("yidian-sample", "ctr-time-811", "ctr-tiny-samples"),
]


@pytest.mark.parametrize(
    ("name", "protocol"),
    [pytest.param(name, protocol, id=name, marks=pytest.mark.real_data(folder)) for name, protocol, folder in SAMPLES],
)
def test_a_sample_from_file_to_auc(name, protocol):
    """No claim about quality: a few hundred rows cannot carry one."""
    parts = ctr.prepared(protocol, name)
    row = ctr.run("deepfm", parts, 0, **QUICK)
    asked = parts["sizes"][2]
    assert row["score"].shape == (asked,)
    assert ((row["score"] > 0) & (row["score"] < 1)).all()
    assert len(np.unique(row["score"])) > 1
    assert row["auc"] == pytest.approx(auc(parts["label"][-asked:], row["score"]), abs=1e-4)
    assert 0 <= row["auc"] <= 1
    text = ctr.table({"deepfm": [row, row]}, parts, barred=False)
    assert f"| deepfm | {row['auc']:.4f} (" in text


def avazu_lines(rng):
    """The competition's columns; clicks follow the app."""
    names = ["hour", "C1", "banner_pos", "site_id", "site_domain", "site_category", "app_id", "app_domain",
             "app_category", "device_id", "device_ip", "device_model", "device_type", "device_conn_type",
             *(f"C{n}" for n in range(14, 22))]  # fmt: skip
    yield ",".join(["id", "click", *names])
    for n in range(600):
        cells = [f"w{value}" for value in rng.integers(0, 6, len(names) - 1)]
        yield ",".join([str(10**18 + n), str(int(cells[5] < "w2")), f"1410{21 + n // 300}{n % 24:02d}", *cells])


def criteo_lines(rng):
    """The whole set's form: tabs, no header, no row number."""
    for n in range(600):
        counts = ["" if value == 0 else str(value) for value in rng.integers(0, 50, 13)]
        words = [f"{value:08x}" for value in rng.integers(0, 6, 26)]
        yield "\t".join([str(n % 4 // 3), *counts, *words])


@pytest.mark.parametrize(
    ("name", "protocol", "file", "lines"),
    [
        ("avazu", "ctr-time-811", "avazu/train.csv", avazu_lines),
        ("criteo-sample", "ctr-random-811", "criteo-sample/train.txt", criteo_lines),
    ],
)
def test_a_made_file_in_a_published_form_from_file_to_auc(tmp_path, monkeypatch, name, protocol, file, lines):
    """What no sample shows: the forms in which whole sets are published."""
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text("\n".join(lines(np.random.default_rng(0))) + "\n")
    monkeypatch.setenv("SHORTLIST_DATA", str(tmp_path))
    settings.cache_clear()
    try:
        parts = ctr.prepared(protocol, name)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert parts["sizes"] == [480, 60, 60]
    row = ctr.run("deepfm", parts, 0, **QUICK | {"epochs": 4, "batch_size": 32})
    assert row["score"].shape == (60,)
    assert ((row["score"] > 0) & (row["score"] < 1)).all()
    if name == "avazu":
        assert row["auc"] > 0.9


@pytest.mark.real_data("ml-100k")
def test_columns_of_movielens():
    parts = ctr.prepared("ctr-random-811")
    assert list(parts["columns"]) == [
        "user", "item", "age", "gender", "occupation", "zip", "year", "genre1", "genre2", "genre3",
    ]  # fmt: skip
    assert parts["sizes"] == [80_000, 10_000, 10_000]
    assert parts["label"].mean() == pytest.approx(0.5537, abs=0.0005)
    assert parts["columns"]["age"].max() == 7
    assert set(parts["columns"]["gender"]) == {0, 1}


def test_every_preset_is_in_the_table():
    assert len(ctr.presets()) == 23
    assert set(ctr.TARGETS) <= set(ctr.presets())
