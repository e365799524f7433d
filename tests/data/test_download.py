import hashlib
import http.server
import socket
import threading

import pytest

from shortlist.core.errors import SchemaMismatch, StoreUnavailable, UnknownName
from shortlist.data.catalog import names
from shortlist.data.download import PUBLISHED, Download, Published, get

BODY = b"1\t2\t3\t4\n" * 1000


@pytest.fixture(scope="module")
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/missing":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[: len(BODY) // 2] if self.path == "/cut" else BODY)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def fetch(root, *files, progress=lambda done, total: None):
    return get("toy", root=root, progress=progress, published={"toy": Published("toy", "page", "free", files)})


def good(server, file="a.txt", **changes):
    return Download(**{"url": f"{server}/{file}", "file": file, "max_bytes": 10**6, **changes})


def test_files_arrive_and_are_not_fetched_again(server, tmp_path):
    seen = []
    md5 = hashlib.md5(BODY).hexdigest()
    folder = fetch(tmp_path, good(server, md5=md5), good(server, "b.txt"), progress=lambda *at: seen.append(at))
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b.txt"]
    assert (folder / "a.txt").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    seen.clear()
    fetch(tmp_path, good(server), progress=lambda *at: seen.append(at))
    assert seen == []


@pytest.mark.parametrize(
    ("file", "changes", "why"),
    [
        ("bad", {"md5": "0" * 32}, "another checksum"),
        ("bad", {"max_bytes": 100}, "larger than 100"),
        ("bad", {"min_bytes": 10**5, "max_bytes": 10**6}, "has only"),
        ("cut", {}, "ended after|did not deliver"),
    ],
)
def test_a_broken_download_leaves_nothing(server, tmp_path, file, changes, why):
    with pytest.raises((SchemaMismatch, StoreUnavailable), match=why):
        fetch(tmp_path, good(server), good(server, file, **changes))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_and_a_silent_server(server, tmp_path):
    with pytest.raises(StoreUnavailable, match="404"):
        fetch(tmp_path, good(server, "missing"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(StoreUnavailable, match="did not deliver"):
            fetch(tmp_path, good(f"http://127.0.0.1:{port}"))
    assert list(tmp_path.iterdir()) == []


def test_only_https_beyond_this_machine(tmp_path):
    with pytest.raises(SchemaMismatch, match="no https address"):
        fetch(tmp_path, Download("http://example.org/x", "x", 10))
    with pytest.raises(SchemaMismatch, match="no https address"):
        fetch(tmp_path, Download("file:///etc/hostname", "x", 10))


def test_sets_that_want_to_be_asked_say_where(tmp_path):
    with pytest.raises(SchemaMismatch, match=r"msnews\.github\.io"):
        get("mind-small-sample", root=tmp_path)


def test_unknown_sets_suggest_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'ml-100k'"):
        get("ml-100", root=tmp_path)


def test_every_published_set_is_known_and_has_https_addresses():
    assert set(PUBLISHED) == set(names()) - {"newsroom", "book-synthetic"}
    for source in PUBLISHED.values():
        assert source.page.startswith("https://")
        assert all(file.url.startswith("https://") for file in source.files)
        assert all(file.min_bytes < file.max_bytes for file in source.files)
