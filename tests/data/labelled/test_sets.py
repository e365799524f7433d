"""Sets of labelled rows: every known one where it lies, and made files for what no sample shows."""

import gzip

import numpy as np
import pytest

from shortlist.core.errors import BadConfig, BadRow, EmptyTraining, SchemaMismatch, UnknownName
from shortlist.data.labelled import load_rows, names
from shortlist.data.labelled.sets import BYTEREC, CRITEO

TINY = "ctr-tiny-samples"
HERE = {
    "adult": "widedeep-tabular", "census-income": "census-income-kdd",
    "clothing-reviews": "widedeep-tabular", "criteo-sample": "criteo-sample",
    **dict.fromkeys([name for name in names() if name.endswith("-sample") and name != "criteo-sample"], TINY),
}  # fmt: skip
CRITEO_HEADER = ",".join(("Id", "Label", *(f"I{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 27))))


def present(folder):
    return pytest.mark.real_data(folder)


def criteo_line(label="1", first="", words="ab", sep=","):
    return sep.join(["9", label, first, *["3"] * 12, *[words] * 25, ""])


@pytest.mark.parametrize("name", [pytest.param(name, marks=present(folder)) for name, folder in HERE.items()])
def test_a_known_set_is_codes_and_numbers_and_labels_of_both_kinds(name):
    rows = load_rows(name)
    assert len(rows) >= 100
    for column, values in rows.columns.items():
        known = values[np.isfinite(values)]
        assert values.shape == (len(rows),)
        assert rows.missing.get(column, 0) == len(values) - len(known)
        if column in rows.id_columns:
            assert sorted(set(known)) == list(range(len(rows.words[column])))
    for label in rows.labels.values():
        assert label.dtype == bool
        assert 0 < label.sum() < len(rows)
    told = rows.describe()
    assert told["rows"] == len(rows)
    assert len(told["id_columns"]) + len(told["quantities"]) == len(rows.columns)


@present("criteo-sample")
def test_criteo_counts():
    rows = load_rows("criteo-sample")
    assert len(rows) == 1999
    assert rows.label().mean() == pytest.approx(0.209, abs=0.001)
    assert rows.missing["I12"] == 1554
    assert rows.columns["I1"][0] == pytest.approx(np.log(2))
    assert rows.words["C1"][int(rows.columns["C1"][0])] == "68fd1e64"


@present("census-income-kdd")
def test_census_has_two_labels_of_different_people():
    rows = load_rows("census-income")
    assert len(rows) == 99_762
    assert {name: int(values.sum()) for name, values in rows.labels.items()} == {"income": 6186, "marital_stat": 43_143}
    assert len(rows.columns) == 39  # 42 less two labels and the weight
    assert rows.words["sex"] == ("Female", "Male")


@present(TINY)
def test_what_tells_the_outcome_is_no_column():
    assert not {"play_time_ms", "comment_stay_time"} & set(load_rows("kuairand-sample").columns)
    assert "showPos" not in load_rows("yidian-sample").columns
    assert list(load_rows("ali-ccp-sample").labels) == ["click", "purchase"]
    assert not {"click", "purchase"} & set(load_rows("ali-ccp-sample").columns)


@present(TINY)
def test_published_parts_and_times():
    rows = load_rows("ali-ccp-sample")
    part = rows.split("published")
    assert [len(each) for each in part] == [100, 50, 50]
    assert rows.take(part.test).label().sum() == 2
    train, valid, test = load_rows("aliexpress-sample").split("published")
    assert [len(train), len(valid), len(test)] == [90, 10, 20]
    assert valid.tolist() == list(range(90, 100))
    news = load_rows("yidian-sample")
    early, _, late = news.split("ctr-time-811")
    assert news.at[early].max() <= news.at[late].min()


def test_avazu_has_hours_as_times(tmp_path):
    header = "id,click,hour,C1,banner_pos,site_id"
    lines = [f"{n},{n % 2},1410{21 + n // 24}{n % 24:02d},1005,0,s{n % 3}" for n in range(30)]
    with gzip.open(tmp_path / "train.gz", "wt") as file:
        file.write("\n".join([header, *lines]) + "\n")
    rows = load_rows("avazu", path=tmp_path)
    assert list(rows.columns) == ["C1", "banner_pos", "site_id"]
    assert rows.at[0] == 1413849600.0  # 2014-10-21 00:00 UTC
    assert (np.diff(rows.at) == 3600).all()
    assert rows.words["site_id"] == ("s0", "s1", "s2")


def test_criteo_as_the_competition_had_it(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(criteo_line(sep="\t")[2:] for _ in range(3)) + "\n")
    rows = load_rows("criteo-sample", path=tmp_path)
    assert len(rows) == 3
    assert rows.label().all()
    assert rows.missing == {"I1": 3, "C26": 3}
    assert len(rows.columns) == 39


@pytest.mark.parametrize(
    ("line", "column"),
    [(criteo_line(label="2"), "Label"), (criteo_line(label=""), "Label"), (criteo_line(first="x"), "I1"),
     (criteo_line(first="inf"), "I1")],
)  # fmt: skip
def test_cells_that_cannot_be_read_are_named(tmp_path, line, column):
    (tmp_path / "train.tiny.csv").write_text("\n".join([CRITEO_HEADER, criteo_line(), line]) + "\n")
    with pytest.raises(BadRow, match=f"line 3: column '{column}'"):
        load_rows("criteo-sample", path=tmp_path)


def test_a_negative_count_keeps_its_sign(tmp_path):
    lines = [criteo_line(first=text) for text in ("-1", "0", "1e300")]
    (tmp_path / "train.tiny.csv").write_text("\n".join([CRITEO_HEADER, *lines]) + "\n")
    values = load_rows("criteo-sample", path=tmp_path).columns["I1"]
    assert values[:2].tolist() == [-np.log(2), 0.0]
    assert np.isfinite(values).all()


def test_files_that_are_not_there_or_are_others(tmp_path, monkeypatch):
    with pytest.raises(SchemaMismatch, match="does not hold"):
        load_rows("criteo-sample", path=tmp_path)
    with pytest.raises(UnknownName, match="criteo-sample"):
        load_rows("criteo")
    monkeypatch.setattr("shortlist.data.labelled.layout.find_folder", lambda folder: None)
    with pytest.raises(SchemaMismatch) as caught:
        load_rows("avazu")
    assert "train.csv" in caught.value.hint
    (tmp_path / "train.tiny.csv").write_text("Id,Click,I1\n1,0,3\n")
    with pytest.raises(SchemaMismatch, match="no column 'Label'"):
        CRITEO(path=tmp_path)
    (tmp_path / "train.tiny.csv").write_text("Id,Label,C1\n1,0,3\n")
    with pytest.raises(SchemaMismatch, match=r"no column"):
        CRITEO(path=tmp_path)


def test_a_column_of_the_outcome_under_another_name_is_refused(tmp_path):
    header = CRITEO_HEADER.replace("Id,", "Ident,")
    (tmp_path / "train.tiny.csv").write_text(f"{header}\n{criteo_line()}\n")
    with pytest.raises(SchemaMismatch, match="no column 'Id'"):
        CRITEO(path=tmp_path)


def test_words_that_stand_for_nothing(tmp_path):
    cells = "\t".join
    lines = [
        cells(["7", "-1", *["5"] * 4, "1", "0", "-1", "d", "53", "9"]),
        cells(["7", *["-1"] * 5, "0", "0", *"5555"]),
    ]
    (tmp_path / "byterec_sample.txt").write_text("\n".join(lines) + "\n")
    rows = BYTEREC(path=tmp_path)
    assert rows.missing == {"user_city": 2, "item_id": 1, "author_id": 1, "item_city": 1, "channel": 1, "music_id": 1}
    assert rows.label("like").tolist() == [False, False]
    assert rows.label().tolist() == [True, False]


def test_protocols_that_a_set_has_no_grounds_for(tmp_path):
    (tmp_path / "train.tiny.csv").write_text("\n".join([CRITEO_HEADER, *[criteo_line()] * 20]) + "\n")
    rows = load_rows("criteo-sample", path=tmp_path)
    parts = rows.split(seed=3)
    assert sorted(np.concatenate(parts)) == list(range(20))
    assert parts.test.tolist() != rows.split(seed=4).test.tolist()
    for protocol, why in (("ctr-time-811", "no times"), ("published", "undivided"), ("leave-last-out", "no protocol")):
        with pytest.raises(BadConfig, match=why):
            rows.split(protocol)
    with pytest.raises(EmptyTraining):
        rows.take(np.arange(2)).split()
    with pytest.raises(BadConfig, match="no label"):
        rows.label("click")
