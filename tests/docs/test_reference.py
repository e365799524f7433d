"""The generated pages are current, and what the pages show can be run."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_current():
    made = generator().pages()
    stale = [name for name, text in made.items() if (ROOT / "docs/reference" / name).read_text() != text]
    assert not stale, f"run `make docs`: {stale} differ from the code"


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=str
)
def test_links_lead_somewhere(page):
    import re

    text = page.read_text()
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'href="([^"#]+)"', text)
    broken = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not broken
