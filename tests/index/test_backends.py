"""One suite of properties over every backend and metric, measured against brute force in float64."""

import sys

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.errors import (
    BadConfig,
    BadRequest,
    BundleCorrupt,
    BundleMismatch,
    Conflict,
    MissingExtra,
    NotFitted,
    UnknownItem,
    VersionTooNew,
)
from shortlist.index.base import VectorIndex

BACKENDS = [row.name for row in registry.rows("index")]
METRICS = ["cosine", "dot", "euclidean"]
LIBRARY = {"annoy": "annoy", "hnsw": "faiss", "hnswlib": "hnswlib", "ivf_pq": "faiss", "usearch": "usearch"}
N, D, K = 3000, 24, 10


@pytest.fixture(params=BACKENDS)
def backend(request):
    library = LIBRARY.get(request.param)
    if library:
        pytest.importorskip(library, reason=f"the library of '{request.param}' is not installed")
    return request.param


@pytest.fixture(params=METRICS)
def metric(request):
    return request.param


def clustered(n, d, seed):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((30, d))
    lengths = rng.uniform(0.5, 2.0, (n, 1))
    return ((centres[rng.integers(0, 30, n)] + 0.6 * rng.standard_normal((n, d))) * lengths).astype(np.float32)


def brute(vectors, ids, queries, k, metric):
    """(ids, scores) per query by float64 arithmetic, ties to the smaller id."""
    x, q = vectors.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        x, q = (m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-300) for m in (x, q))
    if metric == "euclidean":
        score = -np.sqrt(((q[:, None] - x[None]) ** 2).sum(-1))
    else:
        score = q @ x.T
    order = [np.lexsort((ids, -row))[:k] for row in score]
    return np.array([ids[o] for o in order]), np.array([row[o] for row, o in zip(score, order, strict=True)])


def lists(hits, n):
    return [hits.item[hits.row == b].tolist() for b in range(n)]


def recall(hits, truth):
    return np.mean(
        [len(set(a) & set(b.tolist())) / len(b) for a, b in zip(lists(hits, len(truth)), truth, strict=True)]
    )


def made(backend, **config):
    return registry.create(backend, "index", **config)


DATA = clustered(N, D, 0)
IDS = np.random.default_rng(5).permutation(10 * N)[:N].astype(np.int64)
QUERIES = clustered(40, D, 1)
_BUILT = {}


def built(backend, metric):
    """One index per backend and metric for tests that only ask."""
    key = (backend, metric)
    if key not in _BUILT:
        _BUILT[key] = made(backend).build(DATA, IDS, metric, fingerprint="m1")
    return _BUILT[key]


def test_recall_order_and_scores(backend, metric):
    hits = built(backend, metric).search(QUERIES, K)
    truth, _ = brute(DATA, IDS, QUERIES, K, metric)
    assert recall(hits, truth) >= (1.0 if backend == "exact" else 0.95)
    assert (hits.row.dtype, hits.item.dtype, hits.score.dtype) == (np.int32, np.int64, np.float32)
    assert np.bincount(hits.row).tolist() == [K] * len(QUERIES)
    vector = dict(zip(IDS.tolist(), DATA, strict=True))
    for b, found in enumerate(lists(hits, len(QUERIES))):
        score = hits.score[hits.row == b]
        assert (np.diff(score) <= 0).all()
        assert len(set(found)) == K
        own = [brute(vector[i][None], np.array([i]), QUERIES[b : b + 1], 1, metric)[1][0, 0] for i in found]
        np.testing.assert_allclose(score, own, rtol=2e-5, atol=1e-5)


def test_exact_is_exact_one_by_one_and_in_batches(metric):
    index = built("exact", metric)
    truth, score = brute(DATA, IDS, QUERIES, 50, metric)
    for hits in (index.search(QUERIES, 50), index.search(QUERIES[:3], 50)):
        n = len(hits) // 50
        np.testing.assert_array_equal(hits.item.reshape(n, 50), truth[:n])
        np.testing.assert_allclose(hits.score.reshape(n, 50), score[:n], rtol=2e-5, atol=1e-5)


def test_batch_of_one_equals_many(backend, metric):
    index = built(backend, metric)
    many = index.search(QUERIES, K)
    for b, query in enumerate(QUERIES):
        one = index.search(query, K)
        np.testing.assert_array_equal(one.item, many.item[many.row == b])
        np.testing.assert_array_equal(one.score, many.score[many.row == b])


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_filters(backend, metric, share):
    index = built(backend, metric)
    chosen = np.random.default_rng(int(1000 * share)).random(N) < share
    truth, _ = brute(DATA[chosen], IDS[chosen], QUERIES, K, metric)
    mask = np.zeros(IDS.max() + 1, bool)
    mask[IDS[chosen]] = True
    for allowed in (mask, IDS[chosen], np.concatenate([IDS[chosen], IDS[chosen][:3], [10**9]])):
        hits = index.search(QUERIES, K, allowed)
        assert mask[hits.item].all()
        assert np.bincount(hits.row, minlength=len(QUERIES)).tolist() == [min(K, chosen.sum())] * len(QUERIES)
        assert recall(hits, truth) >= 0.95


def test_a_prepared_filter_follows_the_index(backend, metric):
    index = made(backend, open_items=100).build(DATA[:2500], metric=metric)
    for given in (np.arange(0, 4000, 2), np.arange(4000) % 2 == 0):
        even = index.prepare(given)
        first = index.search(QUERIES, K, even)
        np.testing.assert_array_equal(first.item, index.search(QUERIES, K, given).item)
        gone = first.item[first.item < 2400][:5]
        index.remove(gone)
        index.upsert(np.arange(2400, 2700), DATA[2400:2700])
        after = index.search(QUERIES, K, even)
        assert not set(gone.tolist()) & set(after.item.tolist())
        np.testing.assert_array_equal(after.item, index.search(QUERIES, K, given).item)
        assert (after.item % 2 == 0).all()
        # A filter of another index is worked out for this one.
        other = made(backend).build(DATA[:50], metric=metric).prepare(given)
        np.testing.assert_array_equal(after.item, index.search(QUERIES, K, other).item)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_filters_that_the_structure_has_to_answer(backend, metric):
    """Above the number of allowed vectors that are simply scored exactly."""
    vectors = clustered(12_000, D, 2)
    index = made(backend).build(vectors, metric=metric)
    for share in (0.4, 0.15):
        mask = np.random.default_rng(int(100 * share)).random(len(vectors)) < share
        truth, _ = brute(vectors[mask], np.flatnonzero(mask), QUERIES, K, metric)
        hits = index.search(QUERIES, K, mask)
        assert mask[hits.item].all()
        assert recall(hits, truth) >= 0.95


def test_a_filter_that_leaves_nothing_or_ends_early(backend):
    index = built(backend, "cosine")
    assert len(index.search(QUERIES, K, np.zeros(100 * N, bool))) == 0
    assert len(index.search(QUERIES, K, np.empty(0, np.int64))) == 0
    assert len(index.search(QUERIES, K, np.ones(0, bool))) == 0
    short = np.ones(N, bool)
    assert index.search(QUERIES, K, short).item.max() < N


def test_k_above_the_catalogue_returns_all(backend, metric):
    hits = made(backend).build(DATA[:700], IDS[:700], metric).search(QUERIES[:3], 5000)
    assert [sorted(found) for found in lists(hits, 3)] == [sorted(IDS[:700].tolist())] * 3
    truth, _ = brute(DATA[:700], IDS[:700], QUERIES[:3], 700, metric)
    assert (hits.item.reshape(3, 700)[:, :20] == truth[:, :20]).mean() > 0.95


def test_add_update_upsert_remove(backend, metric):
    index = made(backend, open_items=100).build(DATA[:2000], IDS[:2000], metric)
    # More than `open_items`, so both the open part and the structure are met.
    index.add(IDS[2000:2150], DATA[2000:2150])
    index.add(IDS[2150:2200], DATA[2150:2200])
    moved = clustered(60, D, 7)
    index.update(IDS[:60], moved)
    index.upsert(IDS[2190:2210], DATA[2190:2210])
    assert index.remove(IDS[100:200]) == 100
    assert index.remove(IDS[100:200]) == 0
    vectors = np.concatenate([moved, DATA[60:100], DATA[200:2210]])
    ids = np.concatenate([IDS[:100], IDS[200:2210]])
    assert len(index) == len(ids)
    truth, _ = brute(vectors, ids, QUERIES, K, metric)
    hits = index.search(QUERIES, K)
    assert recall(hits, truth) >= (1.0 if backend == "exact" else 0.95)
    everything = index.search(QUERIES[:1], 5000).item
    assert sorted(everything.tolist()) == sorted(ids.tolist())
    # A removed id may come back under a new vector, and only so.
    index.add(IDS[100:101], DATA[100:101])
    assert IDS[100] in index.search(DATA[100], 5000).item


def test_removed_ids_never_come_back(backend, tmp_path):
    index = made(backend, open_items=50).build(DATA[:1500], IDS[:1500], "euclidean")
    gone = set()
    for step in range(6):
        batch = IDS[step * 100 : step * 100 + 100]
        index.remove(batch)
        gone |= set(batch.tolist())
        index.add(IDS[1500 + 30 * step : 1530 + 30 * step], DATA[1500 + 30 * step : 1530 + 30 * step])
        for query in DATA[: step * 100 + 100 : 20]:
            assert not gone & set(index.search(query, 200).item.tolist())
    index.save(tmp_path / "index")
    loaded = VectorIndex.load(tmp_path / "index")
    assert not gone & set(loaded.search(DATA[:600:20], 200).item.tolist())


def test_removing_everything_and_starting_again(backend):
    index = made(backend).build(DATA[:500], metric="cosine")
    assert index.remove(np.arange(500)) == 500
    assert len(index) == 0
    assert len(index.search(QUERIES, K)) == 0
    assert index.self_check().n == 0
    index.add(np.array([7]), DATA[:1])
    assert index.search(DATA[0], K).item.tolist() == [7]


def test_an_empty_index_answers_nothing(backend, metric):
    index = made(backend).build(np.empty((0, D), np.float32), metric=metric)
    assert len(index.search(QUERIES, K)) == 0
    index.add(np.arange(3), DATA[:3])
    assert len(index.search(QUERIES[:1], K)) == 3


def test_zero_vectors(backend, metric):
    vectors = DATA[:1000].copy()
    vectors[::100] = 0
    hits = made(backend).build(vectors, metric=metric).search(np.zeros(D), K)
    assert len(hits) == K
    assert np.isfinite(hits.score).all()
    if metric == "euclidean":
        assert hits.item.tolist() == list(range(0, 1000, 100))
    else:
        assert hits.score.tolist() == [0.0] * K


def test_duplicates_come_in_order_of_ids(backend, metric):
    vectors = np.concatenate([DATA[:600], np.repeat(DATA[:1], 8, axis=0)])
    hits = made(backend).build(vectors, metric=metric).search(DATA[0], 300)
    twins = [item for item in hits.item.tolist() if item == 0 or item >= 600]
    assert twins == [0, *range(600, 608)]


def test_hundreds_of_equal_vectors_in_a_batch_stay_exact():
    vectors = np.repeat(DATA[:3], 400, axis=0)
    hits = made("exact").build(vectors).search(DATA[:16], 5)
    truth, _ = brute(vectors, np.arange(1200), DATA[:16], 5, "cosine")
    np.testing.assert_array_equal(hits.item[hits.row < 3].reshape(3, 5), truth[:3])


def test_save_and_load(backend, metric, tmp_path):
    index = made(backend, open_items=100).build(DATA[:2000], IDS[:2000], metric, fingerprint="m1")
    index.remove(IDS[:20])
    index.add(IDS[2000:2050], DATA[2000:2050])
    index.save(tmp_path / "index")
    before = index.search(QUERIES, K)
    for mmap in (True, False):
        loaded = VectorIndex.load(tmp_path / "index", mmap, fingerprint="m1")
        assert type(loaded) is type(index)
        after = loaded.search(QUERIES, K, fingerprint="m1")
        np.testing.assert_array_equal(before.item, after.item)
        np.testing.assert_array_equal(before.score, after.score)
        # Changes stay in memory: the next reader of the folder sees the old content.
        loaded.remove(IDS[20:120])
        loaded.upsert(IDS[2040:2300], DATA[2040:2300])
        assert len(loaded) == 2000 - 120 + 300
    again = VectorIndex.load(tmp_path / "index")
    np.testing.assert_array_equal(before.item, again.search(QUERIES, K).item)
    with pytest.raises(Conflict, match="not empty"):
        index.save(tmp_path / "index")


def test_damaged_or_foreign_folders(backend, tmp_path):
    built(backend, "cosine").save(tmp_path / "index")
    with pytest.raises(BundleMismatch, match="m2"):
        VectorIndex.load(tmp_path / "index", fingerprint="m2")
    other = registry.load("exact" if backend != "exact" else "ivf_sq8", "index")
    with pytest.raises(BundleMismatch, match=backend):
        other.load(tmp_path / "index")
    for file in sorted((tmp_path / "index").glob("structure.*")) or [tmp_path / "index" / "alive.npy"]:
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(BundleCorrupt):
            VectorIndex.load(tmp_path / "index")
        file.write_bytes(content)
    manifest = tmp_path / "index" / "index.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(VersionTooNew):
        VectorIndex.load(tmp_path / "index")
    manifest.write_text(text[: len(text) // 2])
    with pytest.raises(BundleCorrupt):
        VectorIndex.load(tmp_path / "index")
    manifest.write_text(text)
    vectors = tmp_path / "index" / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-100])
    for mmap in (True, False):
        with pytest.raises(BundleCorrupt):
            VectorIndex.load(tmp_path / "index", mmap)


def test_another_model_is_refused(backend):
    index = built(backend, "cosine")
    with pytest.raises(BundleMismatch, match="m2"):
        index.search(QUERIES, K, fingerprint="m2")
    assert len(index.search(QUERIES[:1], K, fingerprint="m1")) == K


def test_bad_input_changes_nothing(backend):
    index = made(backend).build(DATA[:300], metric="dot")
    before = index.search(QUERIES, K)
    broken = DATA[300:302].copy()
    for value in (np.nan, np.inf, 1e30):
        broken[1, 3] = value
        for change in (index.upsert, index.add):
            with pytest.raises(BadRequest, match="NaN"):
                change(np.array([300, 301]), broken)
        with pytest.raises(BadRequest, match="NaN"):
            index.search(broken, K)
        with pytest.raises(BadRequest, match="NaN"):
            made(backend).build(broken)
    with pytest.raises(BadRequest, match="coordinates"):
        index.search(QUERIES[:, :5], K)
    with pytest.raises(BadRequest, match="coordinates"):
        index.add(np.array([900]), DATA[:1, :5])
    with pytest.raises(BadRequest, match="twice"):
        index.add(np.array([900, 900]), DATA[:2])
    with pytest.raises(BadRequest, match="negative"):
        index.add(np.array([-1]), DATA[:1])
    with pytest.raises(BadRequest, match="whole number"):
        index.add(np.array([1.5]), DATA[:1])
    with pytest.raises(Conflict):
        index.add(np.array([900, 3]), DATA[:2])
    with pytest.raises(UnknownItem):
        index.update(np.array([3, 900]), DATA[:2])
    for k in (0, -1, 2.5, True):
        with pytest.raises(BadRequest, match="k has"):
            index.search(QUERIES, k)
    for allowed in (np.ones((2, 2), bool), np.array([0.5])):
        with pytest.raises(BadRequest, match="filter"):
            index.search(QUERIES, K, allowed)
    with pytest.raises(BadRequest, match="metric"):
        made(backend).build(DATA[:5], metric="manhattan")
    with pytest.raises(NotFitted):
        made(backend).search(QUERIES, K)
    with pytest.raises(BadConfig, match="colour"):
        made(backend, colour=1)
    np.testing.assert_array_equal(before.item, index.search(QUERIES, K).item)
    assert len(index) == 300


@pytest.mark.parametrize(
    ("name", "module", "extra"), [(n, m, "ann" if m == "faiss" else m) for n, m in LIBRARY.items()]
)
def test_a_missing_library_names_its_extra(name, module, extra, monkeypatch):
    for loaded in [found for found in sys.modules if found.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    index = made(name)
    with pytest.raises(MissingExtra, match=f"shortlist\\[{extra}\\]"):
        index.build(DATA)
    with pytest.raises(NotFitted):
        index.search(QUERIES, K)


def test_the_given_array_is_copied(backend, metric):
    mine = DATA[:300].copy()
    index = made(backend).build(mine, metric=metric)
    before = index.search(QUERIES, K)
    mine[:] = 0
    np.testing.assert_array_equal(before.item, index.search(QUERIES, K).item)


def test_self_check(backend, metric):
    health = built(backend, metric).self_check(300)
    assert health.n == 300
    assert health.found_itself >= 0.95
    assert health.recall >= 0.95


def test_churn_keeps_recall(backend, metric):
    """30 % replaced bit by bit by vectors from elsewhere: recall@10 stays at .95 of exact, by a rebuild if need be."""
    index = made(backend, open_items=128).build(DATA, metric=metric)
    rng = np.random.default_rng(3)
    vectors, ids = DATA.copy(), np.arange(N)
    fresh = (1.5 * clustered(900, D, 11) + 1.0).astype(np.float32)
    for step in range(9):
        leave = rng.permutation(len(ids))[:100]
        index.remove(ids[leave])
        vectors, ids = np.delete(vectors, leave, axis=0), np.delete(ids, leave)
        new = np.arange(N + 100 * step, N + 100 * step + 100)
        index.add(new, fresh[step * 100 : step * 100 + 100])
        vectors, ids = np.concatenate([vectors, fresh[step * 100 : step * 100 + 100]]), np.concatenate([ids, new])
    asked = np.concatenate([QUERIES, fresh[:20]])
    truth, _ = brute(vectors, ids, asked, K, metric)
    assert recall(index.search(asked, K), truth) >= (1.0 if backend == "exact" else 0.95)
    assert index.self_check().recall >= 0.95


def test_same_seed_same_index(backend):
    first, second = (made(backend, seed=4).build(DATA[:1500]).search(QUERIES, K) for _ in range(2))
    np.testing.assert_array_equal(first.item, second.item)
    np.testing.assert_array_equal(first.score, second.score)
