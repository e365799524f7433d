"""The page of traps: every file and every named test exists, and no trap is listed without one."""

import re

import pytest

from tests.docs.shell import ROOT

PAGE = ROOT / "docs/traps.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def rows():
    """(trap, what keeps it out, file, test) as the cells stand in the tables."""
    found = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| Trap"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 4, f"not four cells: {line}"
            found.append(tuple(cells))
    return found


def test_the_page_has_every_area():
    areas = re.findall(r"^## (.+)$", PAGE.read_text(), flags=re.M)
    assert {"Everywhere", "Click models", "Models that read a past", "Tasks and scenarios", "Towers"} <= set(areas)
    assert len(rows()) > 60
    names = [row[0] for row in rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_trap_has_its_file_and_its_test(row):
    _, _, file, test = row
    [(_, path)] = LINK.findall(file)
    assert (PAGE.parent / path).resolve().is_file()
    [(name, where)] = LINK.findall(test)
    text = (PAGE.parent / where).resolve().read_text()
    found = re.search(rf"^def test_{name}\((.*?)\n(?=def |class |@|\Z)", text, flags=re.M | re.S)
    assert found, f"{where} has no test {name}"
    assert "assert" in found[1] or "pytest.raises" in found[1] or "testing." in found[1], f"{name} asserts nothing"
