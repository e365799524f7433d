import math

import numpy as np
import pytest

from shortlist.index.text import K1, OPEN_ITEMS, TextIndex, sentences_of, words_of

TEXTS = ["Croatia reach the final", "Morocco wins the cup final", "Stock markets fall", "", "Cup cakes: a recipe"]


def test_known_score_of_one_word():
    index = TextIndex(["apple", "pear"])
    item, score = index.search("apple", 5)
    # One of two texts has the word, both have the mean length: idf = ln(1 + 1.5 / 1.5), saturation = 1 of K1 + 1.
    assert item.tolist() == [0]
    assert score[0] == pytest.approx(math.log(2.0) * 1.0 / (math.log(2.0) * (K1 + 1)))


def test_more_matching_words_come_first():
    item, score = TextIndex(TEXTS).search("cup final", 5)
    assert item[0] == 1
    assert set(item.tolist()) == {0, 1, 4}
    assert (np.diff(score) <= 0).all()
    assert score.min() > 0
    assert score.max() < 1


def test_ties_go_to_the_smaller_item():
    assert TextIndex(["x y", "x y", "x y"]).search("y", 2)[0].tolist() == [0, 1]


def test_case_width_and_plural_do_not_matter():
    index = TextIndex(TEXTS)
    assert index.search("MARKET", 3)[0].tolist() == [2]
    assert index.search("ｍａｒｋｅｔｓ", 3)[0].tolist() == [2]
    assert words_of("The Straße's cats") == ["strasse", "cat"]


@pytest.mark.parametrize("query", ["", "   ", "the of and", "🎉🎉", "zebra", "x" * 100_000, "<script>"])
def test_nothing_matching_is_an_empty_answer(query):
    item, score = TextIndex(TEXTS).search(query, 5)
    assert len(item) == len(score) == 0


def test_empty_index_answers():
    assert len(TextIndex().search("cup", 5)[0]) == 0
    assert len(TextIndex(["", ""]).search("cup", 5)[0]) == 0


def test_unknown_words_lower_the_score():
    index = TextIndex(TEXTS)
    assert index.search("cup zebra", 1)[1][0] < index.search("cup", 1)[1][0]


def test_allowed_hides_items_and_those_beyond_it():
    index = TextIndex(TEXTS)
    assert index.search("cup final", 5, allowed=np.array([True, False, True]))[0].tolist() == [0]
    assert len(index.search("cup final", 5, allowed=np.zeros(0, bool))[0]) == 0


def test_a_change_is_seen_by_the_next_query():
    index = TextIndex(TEXTS)
    index.put(2, "Volcano erupts")
    index.put(9, "A volcano in the cup")
    assert set(index.search("volcano", 5)[0].tolist()) == {2, 9}
    assert 2 not in index.search("markets", 5)[0]
    index.put(9, "")
    assert index.search("volcano", 5)[0].tolist() == [2]


def test_many_changes_equal_a_fresh_index():
    changed = [f"word{n} common" for n in range(3 * OPEN_ITEMS)]
    index = TextIndex(["old text"] * 10)
    for item, text in enumerate(changed):
        index.put(item, text)
    assert len(index) == len(changed)
    for n in (0, 5, OPEN_ITEMS, len(changed) - 1):
        assert index.search(f"word{n}", 3)[0].tolist() == [n]
    assert len(index.search("old", 3)[0]) == 0
    assert sorted(index.search("common", 1000)[0].tolist()) == list(range(len(changed)))


def test_sentences():
    assert sentences_of("One. Two! Three?  Four") == ["One.", "Two!", "Three?", "Four"]
    assert sentences_of("  ") == []
