"""The built console in a real Chromium against the real server."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

needed = [
    (shutil.which("node") is None, "node is not installed"),
    (not Path(CHROMIUM).exists(), f"no Chromium at {CHROMIUM} (set CHROMIUM)"),
    (not (ROOT / "web/node_modules/playwright-core").is_dir(), "the console's packages are not installed (npm ci)"),
    (not (ROOT / "shortlist/doors/http/console/index.html").exists(), "the console is not built (make console)"),
]


@pytest.mark.browser
def test_the_console_adapts_to_a_click(tmp_path):
    missing = [reason for absent, reason in needed if absent]
    if missing:
        pytest.skip("; ".join(missing))
    env = {**os.environ, "SHORTLIST_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "shortlist.doors.cli.main", "demo", "--port", "0"]
    log = (tmp_path / "server.log").open("w+")
    server = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log, text=True)
    try:
        base = _address(tmp_path / "server.log", server)
        done = subprocess.run(
            ["node", "e2e/run.mjs"],
            cwd=ROOT / "web",
            env={**os.environ, "BASE_URL": base, "SHOTS": str(tmp_path), "CHROMIUM": CHROMIUM},
            capture_output=True,
            text=True,
            timeout=240,
        )
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1500:]
    assert " 0 failed" in done.stdout


def _address(log, server):
    """Where the demo serves, once it is ready."""
    for _ in range(1200):
        assert server.poll() is None, f"the demo ended: {log.read_text()[-2000:]}"
        found = [line for line in log.read_text().splitlines() if "http://127.0.0.1:" in line]
        if found:
            base = "http://127.0.0.1:" + found[0].split("http://127.0.0.1:")[1].split("/")[0]
            try:
                urllib.request.urlopen(base + "/health/ready", timeout=5).read()
                return base
            except OSError:
                pass
        time.sleep(0.1)
    raise AssertionError("the demo never served")
