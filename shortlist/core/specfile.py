"""Specs as TOML files: given by their path, or by the name of one that comes with the package.

Boards and pipelines are found, read and refused in the same words; what they may hold is the business of their own
`from_dict`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from shortlist.core.errors import BadSpec, nearest_hint


def shipped(kind: str) -> dict[str, Path]:
    """Files of one kind that come with the package, by name.

    Args:
        kind: "board" or "pipeline"; they lie in the folder of that name in the plural.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_bundled" / f"{kind}s", package.parent / f"{kind}s"):
        if folder.is_dir():
            return {file.stem: file for file in sorted(folder.glob("*.toml"))}
    return {}


def read_spec(source: str | Path, kind: str) -> tuple[Path, str]:
    """Path and text of a `.toml` file, or of a shipped one by its name.

    Raises:
        BadSpec: no such file or name, or not UTF-8.
    """
    path = Path(source)
    if path.suffix != ".toml":
        known = shipped(kind)
        if str(source) not in known:
            hint = nearest_hint(str(source), known)
            raise BadSpec(f"There is no shipped {kind} '{source}'.", hint=f"{hint} Or give a .toml file.")
        path = known[str(source)]
    try:
        return path, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        named = path.stem in shipped(kind)
        hint = f"'{path.stem}' comes with the package: give that name without a path." if named else "Check the path."
        raise BadSpec(f"The {kind} file '{path.name}' {reason}.", hint=hint) from None


def toml_values(text: str, *, where: str) -> dict[str, Any]:
    """Plain values of TOML text.

    Raises:
        BadSpec: not TOML; `where` says what was read.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSpec(f"{where} is not valid TOML: {error}.", hint="Correct the line it names.") from None
