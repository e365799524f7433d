"""What is special to the inverted lists: tuning, rebuilding, memory, and life beside changes."""

import threading

import numpy as np
import pytest

from shortlist.index.base import VectorIndex
from shortlist.index.exact import Exact
from shortlist.index.ivf_sq8 import IvfSq8
from shortlist.index.kmeans import centres_of, nearest_centre


def points(n, d, seed):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((60, d))
    return (centres[rng.integers(0, 60, n)] + 0.7 * rng.standard_normal((n, d))).astype(np.float32)


def recall(index, exact, queries, k=10):
    ours, truth = (i.search(queries, k).item.reshape(-1, k) for i in (index, exact))
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(ours, truth, strict=True)])


DATA, QUERIES = points(8000, 32, 0), points(100, 32, 2)


def test_more_recall_asks_for_more_lists():
    some, most = (IvfSq8(recall=r).build(DATA) for r in (0.7, 0.995))
    assert some.probes < most.probes
    assert recall(most, Exact().build(DATA), QUERIES) >= 0.98


def test_all_lists_and_many_rescored_is_exact():
    index = IvfSq8(probes=10_000, rescore=1000).build(DATA, metric="euclidean")
    assert recall(index, Exact().build(DATA, metric="euclidean"), QUERIES) == 1.0


def test_coarse_codes_are_made_up_for_by_comparing_more():
    spiky = DATA.copy()
    # One far value per coordinate stretches the 256 levels over a range that nearly no vector uses.
    spiky[np.arange(32), np.arange(32)] = 400.0
    index = IvfSq8().build(spiky, metric="euclidean")
    assert index.rescore > IvfSq8().build(DATA, metric="euclidean").rescore
    assert recall(index, Exact().build(spiky, metric="euclidean"), QUERIES) >= 0.95


def test_typical_questions_tune_it_and_are_kept(tmp_path):
    far = (QUERIES + 3 * np.random.default_rng(3).standard_normal(QUERIES.shape)).astype(np.float32)
    index = IvfSq8().build(DATA, metric="dot", questions=far)
    assert recall(index, Exact().build(DATA, metric="dot"), far) >= 0.96
    index.save(tmp_path / "index")
    loaded = VectorIndex.load(tmp_path / "index")
    assert isinstance(loaded, IvfSq8)
    assert loaded.probes == index.probes
    loaded.remove(np.arange(4000))
    assert loaded.rebuilds == 1
    assert recall(loaded, Exact().build(DATA[4000:], np.arange(4000, 8000), "dot"), far) >= 0.94


def test_codes_and_lists_take_a_third_of_the_vectors(tmp_path):
    IvfSq8().build(DATA).save(tmp_path / "index")
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "index").iterdir()}
    vectors = sizes.pop("vectors.npy")
    # One byte a coordinate instead of four, 13 bytes of book-keeping and the centres.
    assert sum(sizes.values()) < 0.45 * vectors
    assert sizes["code.npy"] == pytest.approx(vectors / 4, rel=0.01)


def test_a_drifted_catalogue_makes_it_build_itself_anew():
    index = IvfSq8(probes=1, floor=0.9, open_items=200).build(points(4000, 32, 5)[:, ::-1].copy(), metric="euclidean")
    rng = np.random.default_rng(6)
    drifted = (40 + rng.standard_normal((6000, 32))).astype(np.float32)
    index.add(np.arange(4000, 10_000), drifted)
    assert index.rebuilds >= 1


def test_a_catalogue_that_grew_gets_more_lists():
    index = IvfSq8(open_items=500).build(DATA[:100])
    few = len(index._half)
    for start in range(100, 8000, 500):
        index.upsert(np.arange(start, min(start + 500, 8000)), DATA[start : start + 500])
    assert len(index._half) > 4 * few
    assert 1 <= index.rebuilds <= 3
    assert recall(index, Exact().build(DATA), QUERIES) >= 0.95


def test_searches_go_on_while_it_changes():
    index = IvfSq8(open_items=64).build(DATA[:3000])
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            found = index.search(QUERIES[:4], 10)
            if np.bincount(found.row).tolist() != [10] * 4 or found.item.max() >= 8000:
                wrong.append(found)

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for start in range(3000, 5000, 50):
            index.add(np.arange(start, start + 50), DATA[start : start + 50])
            index.remove(np.arange(start - 3000, start - 2980))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert len(index) == 3000 + 2000 - 800


def test_kmeans_finds_separate_heaps_and_fills_every_centre():
    heaps = np.repeat(np.eye(4, dtype=np.float32) * 10, 25, axis=0)
    heaps += np.random.default_rng(0).standard_normal(heaps.shape).astype(np.float32) * 0.1
    centres = centres_of(heaps, 12, sweeps=15, seed=0)
    group = nearest_centre(heaps, centres)
    # No list mixes heaps: every centre that is used lies within one of them.
    assert all(len(set((np.flatnonzero(group == c) // 25).tolist())) <= 1 for c in range(12))
    assert centres_of(heaps[:3], 10, sweeps=3, seed=0).shape == (3, 4)


def test_mapped_pages_are_given_back(tmp_path, monkeypatch):
    IvfSq8().build(DATA).save(tmp_path / "index")
    index = VectorIndex.load(tmp_path / "index")
    first = index.search(QUERIES, 10)
    pages = index._store.pages
    assert pages._looked_at <= 4096
    monkeypatch.setattr("shortlist.index.files._ROWS_HELD", 0)
    np.testing.assert_array_equal(index.search(QUERIES, 10).item, first.item)
    assert pages._looked_at == 0
    # What was changed in memory is not in the file and stays.
    index.upsert(np.arange(5), QUERIES[:5])
    index.search(QUERIES, 10)
    assert index.search(QUERIES[0], 1).item.tolist() == [0]
    assert VectorIndex.load(tmp_path / "index", mmap=False)._store.pages is None
