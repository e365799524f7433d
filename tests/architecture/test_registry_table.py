"""The registry is the index of the house: complete, sorted, and every row opens."""

import importlib
from pathlib import Path

import pytest

import shortlist
from shortlist.core import registry
from shortlist.core.errors import MissingExtra

PACKAGE = Path(shortlist.__file__).parent

# Folders in which every public file is one thing that can be created by name.
ROOMS = ("models/cold", "models/retrieval", "models/ranking", "models/sequential", "models/towers", "pipeline/stages")
SHARED = {"base.py", "__init__.py"}


def test_rows_are_sorted_and_unique():
    keys = [(row.kind, row.name) for row in registry.ROWS]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("row", registry.ROWS, ids=lambda row: f"{row.kind}:{row.name}")
def test_row_opens_or_names_its_extra(row):
    try:
        found = registry.load(row.name, row.kind)
    except MissingExtra:
        assert row.extra
        return
    assert callable(found)
    assert row.about, "one sentence for people who choose"
    assert row.about[-1] not in ".!", "a phrase without a full stop, so that tables read well"


def test_every_room_file_has_a_row():
    listed = {row.target.partition(":")[0] for row in registry.ROWS}
    orphans = []
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            if path.name in SHARED or path.name.startswith("_"):
                continue
            module = "shortlist." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            if module not in listed:
                orphans.append(module)
    assert not orphans, f"no registry row points at {orphans}"


def test_every_package_says_what_it_is():
    for path in sorted(PACKAGE.rglob("__init__.py")):
        module = ".".join(("shortlist", *path.parent.relative_to(PACKAGE).parts))
        text = importlib.import_module(module).__doc__ or ""
        assert len(text) > 20, f"{module} has no docstring"
        assert "TODO" not in text, module
