"""Every Python block of the README and of the how-to pages runs as it stands, in one process per page."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/how-to/*.md"))]
AT_ONCE = 2
"""Processes beside each other; the tests themselves only wait for them."""


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.S)


def run(page, folder):
    script = folder / "page.py"
    script.write_text("\n".join(blocks(page)))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    """The processes of the pages that were asked for, by page."""
    here = [item.callspec.params["page"] for item in request.session.items if item.path == Path(__file__)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = {page: pool.submit(run, page, tmp_path_factory.mktemp("page")) for page in here if blocks(page)}
        yield started
        for process in started.values():
            process.cancel()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page, running):
    if not blocks(page):
        assert "```sh" in page.read_text(), f"{page.name} shows neither Python nor a command"
        return
    done = running[page].result()
    assert done.returncode == 0, done.stderr[-2000:]
