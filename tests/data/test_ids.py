import pytest

from shortlist.data.ids import id_problem


@pytest.mark.parametrize("external", ["007", "1e5", "user 1", "é", "日本", "👩‍🚀"[:1], "a/b#c", "x" * 256])
def test_good_ids(external):
    assert id_problem(external) is None


@pytest.mark.parametrize(
    ("external", "why"),
    [
        ("", "empty"),
        ("   ", "blanks"),
        ("x" * 257, "256"),
        ("é" * 129, "256"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("e\u0301", "NFC"),
        ("a\u200bb", "invisible"),
        ("a\u202eb", "invisible"),
        ("\ud800", "surrogate"),
    ],
)
def test_bad_ids_say_why(external, why):
    assert why in id_problem(external)
