import math
import re

import numpy as np
import pytest

from shortlist.models.words import WordVectors

TEXTS = ["Red apple, red car!", "apple pie", ""]


def test_weights_by_hand():
    words = WordVectors.fit(TEXTS)
    assert list(words.terms) == ["apple", "car", "pie", "red"]
    # Two texts have words; apple is in both, the others in one.
    rare = math.log(3 / 2) + 1
    np.testing.assert_allclose(words.idf, [1.0, rare, rare, rare])
    raw = np.array([1.0, rare, 0.0, 2 * rare])
    found = words.transform(TEXTS).toarray()
    np.testing.assert_allclose(found[0], raw / np.linalg.norm(raw))
    assert not found[2].any()


def test_repeated_words_can_be_dampened():
    plain, damp = WordVectors.fit(TEXTS), WordVectors.fit(TEXTS, sublinear=True)
    red, car = 3, 1
    ratio = [m.transform(TEXTS).toarray()[0] for m in (plain, damp)]
    assert ratio[0][red] / ratio[0][car] == 2.0
    assert math.isclose(ratio[1][red] / ratio[1][car], 1 + math.log(2))


def test_vocabulary_limits_keep_common_words_then_the_alphabet():
    assert list(WordVectors.fit(TEXTS, min_df=2).terms) == ["apple"]
    assert list(WordVectors.fit(TEXTS, max_features=2).terms) == ["apple", "car"]


def test_new_texts_are_read_with_the_fitted_vocabulary():
    words = WordVectors.fit(TEXTS)
    assert words.transform(["PIE unknown"]).toarray().tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_other_scripts_need_the_unicode_alphabet():
    assert list(WordVectors.fit(["Привет мир"]).terms) == []
    assert list(WordVectors.fit(["Привет мир"], alphabet="unicode").terms) == ["мир", "привет"]
    assert WordVectors.fit([]).transform(["x"]).shape == (1, 0)


def bm25_by_hand(texts, text, k1, b):
    """Weights by word of length one, from the formula, word by word."""
    bags = [re.findall("[a-z0-9]+", other.lower()) for other in texts]
    bags = [bag for bag in bags if bag]
    mean = sum(map(len, bags)) / len(bags)
    words = re.findall("[a-z0-9]+", text.lower())
    weight = {}
    for word in words:
        df = sum(word in bag for bag in bags)
        if df:
            count = words.count(word)
            damping = k1 * (1 - b + b * len(words) / mean)
            weight[word] = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5)) * count * (k1 + 1) / (count + damping)
    norm = math.sqrt(sum(value**2 for value in weight.values()))
    return {word: value / norm for word, value in weight.items()}


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (20.0, 1.0), (0.0, 0.5), (1.5, 0.0)])
def test_bm25_weights_are_those_of_the_formula(k1, b):
    words = WordVectors.fit(TEXTS, weighting="bm25", k1=k1, b=b)
    asked = [*TEXTS[:2], "red red red car of a stranger", "Pie!"]
    found = words.transform(asked).toarray()
    for row, text in zip(found, asked, strict=True):
        expected = bm25_by_hand(TEXTS, text, k1, b)
        np.testing.assert_allclose(row, [expected.get(term, 0.0) for term in words.terms], rtol=1e-12)


def test_bm25_without_any_text_knows_nothing():
    words = WordVectors.fit(["", ""], weighting="bm25")
    assert words.transform(["red apple", ""]).shape == (2, 0)
