"""Every command in the shell blocks of the README and the pages exists, with the options it is shown with."""

import re

import pytest

from tests.docs.shell import ROOT, problem

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]


def commands(page):
    """The commands of a page, continued lines joined, what `$(...)` holds taken by itself."""
    out = []
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.S):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split(" && "):
                inner = re.fullmatch(r"\s*[A-Z]+=\$\((.+)\)\s*", part)
                out.append(inner[1] if inner else part)
    return [line for line in out if line.strip() and not line.strip().startswith("#")]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands_exist(page):
    wrong = {line: said for line in commands(page) if (said := problem(line))}
    assert wrong == {}
