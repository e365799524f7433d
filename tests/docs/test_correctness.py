"""The page of correctness risks: all 24 stand there, and every test that is named exists and asserts something."""

import re

import pytest

from tests.docs.shell import ROOT

PAGE = ROOT / "docs/correctness.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def rows():
    """(code, risk, what is done, tests) as the cells stand in the table."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| C")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def test_every_risk_has_its_row():
    assert all(len(row) == 4 for row in rows())
    codes = [row[0] for row in rows()]
    assert len(set(codes)) == len(codes)
    assert {code.split()[0] for code in codes} == {f"C{n}" for n in range(1, 25)}
    assert {code for code in codes if code.startswith("C3 ")} == {f"C3 {part}" for part in "abcde"}


def test_a_row_without_a_test_says_that_it_is_a_gap():
    for code, _, here, tests in rows():
        assert bool(LINK.findall(tests)) != ("not here yet:" in here), code


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_its_tests_exist_and_assert(row):
    for name, where in LINK.findall(row[3]):
        text = (PAGE.parent / where).resolve().read_text()
        found = re.search(rf"^def test_{name}\((.*?)\n(?=def |class |@|\Z)", text, flags=re.M | re.S)
        assert found, f"{where} has no test {name}"
        said = ("assert", "pytest.raises", "refused(", "testing.")
        assert any(word in found[1] for word in said), f"{name} asserts nothing"
