"""Check-up of an installation: versions, extras, settings, folders, data. Reads; changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from typing import Any

from shortlist._version import __version__
from shortlist.core.registry import EXTRA_MODULES
from shortlist.core.settings import settings


def checkup() -> list[dict[str, Any]]:
    """One row per check: `check`, `ok`, `found`, `hint` (what to do when it is not ok).

    Raises:
        BadConfig: a setting is impossible; naming it is the most useful answer.
    """
    config = settings()
    rows = [
        _row("python", sys.version_info >= (3, 11), platform.python_version(), "Install Python 3.11 or newer."),
        _row("shortlist", True, __version__),
        _row("cores", True, f"{os.cpu_count()} present, {config.threads} used for training"),
    ]
    home = config.home
    parent = next((p for p in (home, *home.absolute().parents) if p.exists()), home)
    writable = os.access(parent, os.W_OK)
    rows.append(_row("home folder", writable, str(home), "Choose a writable folder: SHORTLIST_HOME=/some/folder."))
    rows.append(_row("data folder", True, f"{config.data}{'' if config.data.is_dir() else ' (absent; optional)'}"))
    exposed = config.serving.host not in {"127.0.0.1", "localhost", "::1"}
    safe = not exposed or config.serving.api_key is not None
    rows.append(_row("address", safe, config.serving.host, "Set SHORTLIST_SERVING__API_KEY or listen on 127.0.0.1."))
    for extra, module in sorted(EXTRA_MODULES.items()):
        here = importlib.util.find_spec(module) is not None
        rows.append(
            _row(f"extra '{extra}'", True, "installed" if here else f"optional: pip install 'shortlist[{extra}]'")
        )
    return rows


def _row(check: str, ok: bool, found: str, hint: str = "") -> dict[str, Any]:
    return {"check": check, "ok": ok, "found": found, "hint": "" if ok else hint}
