from shortlist.data.vocab import Vocab


def test_indices_never_change_and_unknown_is_minus_one():
    vocab = Vocab(["b", "a", "b"])
    assert vocab.ids == ["b", "a"]
    assert vocab.encode(["a", "zzz", "b"]).tolist() == [1, -1, 0]
    assert vocab.add("c") == 2
    assert vocab.decode([2, 0]) == ["c", "b"]


def test_version_depends_on_content_and_boundaries():
    assert Vocab(["ab", "c"]).version != Vocab(["a", "bc"]).version
    assert Vocab(["a", "b"]).version == Vocab(["a", "b"]).version


def test_copy_is_independent():
    first = Vocab(["a"])
    second = first.copy()
    second.add("b")
    assert len(first) == 1
    assert "b" in second
