import pytest

from shortlist.core.errors import BadRequest, BadRow, EmptyTraining
from shortlist.jobs.articles import read_lines, recommend_lines

LINES = [
    "rocket launch sends a crew to orbit",
    "telescope finds a comet near the moon",
    "striker scores a late goal in derby",
    "crew of that rocket returns from orbit",
    "goal keeper saves penalty in derby",
]


def test_the_unread_line_on_the_same_topic_comes_first():
    found = recommend_lines(LINES, [0], k=2, half_life=3)
    assert found["items"][0]["line"] == 3
    assert 0 not in [item["line"] for item in found["items"]]


def test_the_last_read_counts_most():
    space_last = recommend_lines(LINES, [2, 0], k=1, half_life=0.2)
    soccer_last = recommend_lines(LINES, [0, 2], k=1, half_life=0.2)
    assert (space_last["items"][0]["line"], soccer_last["items"][0]["line"]) == (3, 4)


def test_without_history_the_most_representative_lines_come():
    found = recommend_lines([*LINES, "zebra"], [], k=6, half_life=3)
    assert found["cold_start"]
    assert found["items"][-1]["line"] == 5, "a line that shares no word with any other is the least representative"


def test_scores_are_cosines_as_the_formula_gives_them():
    """Two documents sharing one of two words: idf ln(3/3)+1 = 1 for the shared, ln(3/2)+1 for the others."""
    import math

    found = recommend_lines(["a b", "a c"], [0], k=1, half_life=3)
    rare = math.log(3 / 2) + 1
    assert found["items"][0]["score"] == pytest.approx(1 / (1 + rare**2))


def test_mistakes_name_what_is_wrong(tmp_path):
    with pytest.raises(BadRequest, match="number 9"):
        recommend_lines(LINES, [9], k=1, half_life=3)
    with pytest.raises(BadRow, match=r"nowhere\.txt"):
        read_lines(tmp_path / "nowhere.txt")
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(EmptyTraining, match=r"blank\.txt"):
        read_lines(tmp_path / "blank.txt")
    (tmp_path / "bytes.txt").write_bytes(b"ok\n\xff\xfe")
    with pytest.raises(BadRow, match="byte 3"):
        read_lines(tmp_path / "bytes.txt")
