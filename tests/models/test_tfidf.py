import math

import numpy as np

from shortlist.models.tfidf import Tfidf

TEXTS = ["Red apple, red car!", "apple pie", ""]


def test_weights_by_hand():
    words = Tfidf.fit(TEXTS)
    assert list(words.terms) == ["apple", "car", "pie", "red"]
    # Two texts have words; apple is in both, the others in one.
    rare = math.log(3 / 2) + 1
    np.testing.assert_allclose(words.idf, [1.0, rare, rare, rare])
    raw = np.array([1.0, rare, 0.0, 2 * rare])
    found = words.transform(TEXTS).toarray()
    np.testing.assert_allclose(found[0], raw / np.linalg.norm(raw))
    assert not found[2].any()


def test_repeated_words_can_be_dampened():
    plain, damp = Tfidf.fit(TEXTS), Tfidf.fit(TEXTS, sublinear=True)
    red, car = 3, 1
    ratio = [m.transform(TEXTS).toarray()[0] for m in (plain, damp)]
    assert ratio[0][red] / ratio[0][car] == 2.0
    assert math.isclose(ratio[1][red] / ratio[1][car], 1 + math.log(2))


def test_vocabulary_limits_keep_common_words_then_the_alphabet():
    assert list(Tfidf.fit(TEXTS, min_df=2).terms) == ["apple"]
    assert list(Tfidf.fit(TEXTS, max_features=2).terms) == ["apple", "car"]


def test_new_texts_are_read_with_the_fitted_vocabulary():
    words = Tfidf.fit(TEXTS)
    assert words.transform(["PIE unknown"]).toarray().tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_other_scripts_need_the_unicode_alphabet():
    assert list(Tfidf.fit(["Привет мир"]).terms) == []
    assert list(Tfidf.fit(["Привет мир"], alphabet="unicode").terms) == ["мир", "привет"]
    assert Tfidf.fit([]).transform(["x"]).shape == (1, 0)
