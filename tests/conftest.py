"""Shared fixtures: real data where it lies, a home folder of its own, no network."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from shortlist.core.settings import settings

ROOT = Path(__file__).resolve().parents[1]
# Where the public sets lie; tests that need one skip, with the reason, on machines without it.
DATA = (ROOT / os.environ.get("SHORTLIST_DATA", "../shared/data")).resolve()
FOLDERS = {
    "beauty": "amazon-5core-seq",
    "sports": "amazon-5core-seq",
    "gowalla": "gowalla-lightgcn",
}


def pytest_runtest_setup(item):
    for marker in item.iter_markers("real_data"):
        for name in marker.args:
            if not (DATA / FOLDERS.get(name, name)).is_dir():
                pytest.skip(f"the data set '{name}' is not under SHORTLIST_DATA ({DATA.name})")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """Nothing a test writes lands in the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHORTLIST_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("SHORTLIST_DATA", str(DATA))
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A Redis that answers: that of SHORTLIST_REDIS, the usual local one, or one started for the tests."""
    redis = pytest.importorskip("redis", reason="needs the extra 'redis'")

    def answers(url):
        try:
            with redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False

    for url in filter(None, (os.environ.get("SHORTLIST_REDIS"), "redis://127.0.0.1:6379/0")):
        if answers(url):
            yield url
            return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis answers and there is no redis-server to start")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = str(tmp_path_factory.mktemp("redis"))
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        for _ in range(100):
            if answers(url):
                break
            time.sleep(0.05)
        else:
            pytest.skip("the Redis started for the tests does not answer")
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _set(name):
    @pytest.fixture(scope="session", name=name.replace("-", "_"))
    def dataset(own_home):
        from shortlist.data.catalog import load

        folder = DATA / FOLDERS.get(name, name)
        if name != "newsroom" and not folder.is_dir():
            pytest.skip(f"the data set '{name}' is not under SHORTLIST_DATA ({DATA.name})")
        return load(name)

    return dataset


newsroom = _set("newsroom")
book_synthetic = _set("book-synthetic")
ml_100k = _set("ml-100k")
ml_1m = _set("ml-1m")
ml_latest_small = _set("ml-latest-small")
mind_small_sample = _set("mind-small-sample")
gowalla = _set("gowalla")
beauty = _set("beauty")
sports = _set("sports")
