"""The page of capabilities: every link leads to a file, every test exists, every command can be typed."""

import re

import pytest

from tests.docs.shell import ROOT, problem

PAGE = ROOT / "docs/capabilities.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def rows():
    """(capability, file, test, page, command) as the cells stand in the tables."""
    found = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| Capability"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 5, f"not five cells: {line}"
            found.append(tuple(cells))
    return found


ROWS = rows()


def target(cell):
    """Label and file of the one link in a cell."""
    [(label, path)] = LINK.findall(cell)
    return label, (PAGE.parent / path).resolve()


def test_the_page_has_every_area():
    areas = re.findall(r"^## (.+)$", PAGE.read_text(), flags=re.M)
    assert len(areas) >= 16
    assert len(ROWS) > 200


def test_no_row_stands_twice():
    names = [row[0].lower() for row in ROWS]
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row_is_true(row):
    _, file, test, page, command = row
    assert target(file)[1].is_file()
    assert target(page)[1].is_file()
    name, path = target(test)
    said = f'test("{name}"' if path.suffix in {".ts", ".tsx"} else f"def test_{name}("
    assert said in path.read_text(), f"{path.name} has no test {name}"
    line = re.fullmatch(r"`(.+)`", command)
    assert line, f"not one command: {command}"
    assert problem(line[1]) == ""


def test_a_command_that_does_not_exist_is_found():
    assert problem("shortlist servee")
    assert problem("shortlist train --dta newsroom")
    assert problem("make coffee")
    assert problem("make test ARGS=tests/nowhere")
    assert problem("curl -s 127.0.0.1:8000/v1/recommendations")
    assert problem("curl -s 127.0.0.1:8000/v1/search -d '{}'")
    assert problem("rm -rf /")
