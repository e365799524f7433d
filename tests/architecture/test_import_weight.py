import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "fastapi", "sklearn", "lightgbm", "numba", "scipy", "polars", "mlflow", "redis", "ray")

PROGRAMS = {
    "import shortlist": "import shortlist",
    "core": "import shortlist.core.types, shortlist.core.contracts, shortlist.core.registry, shortlist.core.settings",
    "list models": "from shortlist.core.registry import rows; assert rows()",
    "--help": (
        "import sys; sys.argv = ['shortlist', '--help']\n"
        "from shortlist.doors.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code"
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_loads_nothing_heavy(name):
    probe = f"{PROGRAMS[name]}\nimport sys\nprint('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
