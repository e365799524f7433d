"""A real command line: every test starts the installed command in a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs `shortlist ...` in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SHORTLIST_") or k == "SHORTLIST_DATA"}
        # The shell runs elsewhere, so a relative data folder must be made absolute.
        data = Path(self.env.get("SHORTLIST_DATA", ROOT / "../shared/data"))
        self.env["SHORTLIST_DATA"] = str(data.resolve())
        self.env["COLUMNS"] = "160"

    def start(self, *args, **options):
        command = [sys.executable, "-m", "shortlist.doors.cli.main", *map(str, args)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    def run(self, *args, code=0):
        process = self.start(*args)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, f"exit {process.returncode}, expected {code}\n{out[-1500:]}\n{err[-3000:]}"
        assert "Traceback" not in err
        return out, err

    def json(self, *args):
        return json.loads(self.run(*args, "--json")[0])


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def shop_csv(tmp_path_factory):
    """A small shop's log as CSV, with a clear taste per user."""
    from shortlist.testing.worlds import small_log

    data = small_log(n_users=60, n_items=40, events_per_user=10)
    path = tmp_path_factory.mktemp("shop") / "events.csv"
    events = data.interactions
    rows = ["user_id,item_id,timestamp,event"]
    rows += [
        f"{data.users.ids[u]},{data.items.ids[i]},{t:.0f},click"
        for u, i, t in zip(events.user, events.item, events.at, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path
