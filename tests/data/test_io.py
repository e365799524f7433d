import json

import numpy as np
import polars as pl
import pytest

from shortlist.core.errors import BundleCorrupt, VersionTooNew
from shortlist.data.io import load_dataset, save_dataset
from shortlist.data.schema import dataset_from_frames


@pytest.fixture
def data():
    events = {"user_id": ["é", "007"], "item_id": ["x", "y"], "timestamp": [1.0, 2.0], "event": ["click", "buy"]}
    items = pl.DataFrame({"item_id": ["y", "w"], "tags": [["a", "b"], []], "price": [1.5, None]})
    shown = pl.DataFrame({"user_id": ["007"], "timestamp": [3.0], "item_id": [["x", "q"]], "clicked": [[True, False]]})
    return dataset_from_frames(events, items, {"user_id": ["007"], "age": [7]}, "small", impressions=shown)


def test_what_is_saved_comes_back_equal(data, tmp_path):
    save_dataset(data, tmp_path / "d")
    back = load_dataset(tmp_path / "d")
    assert back.fingerprint == data.fingerprint
    assert back.name == "small"
    assert back.interactions.types == data.interactions.types
    assert back.item_table.equals(data.item_table)
    assert back.impressions.clicked.tolist() == [True, False]
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "dataset.json", "events.npz", "items.parquet", "users.parquet",
    ]  # fmt: skip


def test_without_tables_and_impressions(tmp_path):
    data = dataset_from_frames({"user_id": ["u"], "item_id": ["i"]})
    save_dataset(data, tmp_path)
    back = load_dataset(tmp_path)
    assert (back.item_table, back.user_table, back.impressions, back.clock) == (None, None, None, "none")


@pytest.mark.parametrize("file", ["dataset.json", "events.npz", "items.parquet", "users.parquet"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "noise"])
def test_damage_is_refused(data, tmp_path, file, damage):
    save_dataset(data, tmp_path)
    path = tmp_path / file
    raw = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "noise": bytes(range(256)) * 4}[damage])
    with pytest.raises(BundleCorrupt):
        load_dataset(tmp_path)


def test_a_changed_value_is_found(data, tmp_path):
    save_dataset(data, tmp_path)
    with np.load(tmp_path / "events.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["at"] = arrays["at"] + 1
    np.savez(tmp_path / "events.npz", **arrays)
    with pytest.raises(BundleCorrupt, match="differs"):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path, verify=False).interactions.at[0] == 2.0


def test_an_index_outside_its_vocabulary_is_found(data, tmp_path):
    save_dataset(data, tmp_path)
    with np.load(tmp_path / "events.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["item"] = arrays["item"] + 1000
    np.savez(tmp_path / "events.npz", **arrays)
    with pytest.raises(BundleCorrupt):
        load_dataset(tmp_path, verify=False)


def test_objects_are_refused(data, tmp_path):
    save_dataset(data, tmp_path)
    np.savez(tmp_path / "events.npz", user=np.array([{}], dtype=object))
    with pytest.raises(BundleCorrupt):
        load_dataset(tmp_path)


def test_a_newer_format_says_so(data, tmp_path):
    save_dataset(data, tmp_path)
    plain = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**plain, "format": 99}))
    with pytest.raises(VersionTooNew):
        load_dataset(tmp_path)
