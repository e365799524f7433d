import collections

import numpy as np
import pytest

from shortlist.core.errors import BadConfig
from shortlist.data.splits import split
from shortlist.data.text import item_text
from shortlist.data.worlds.newsroom import DAY_S, START_AT, Weights, newsroom, utility, write_newsroom


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newsroom")
    return folder, write_newsroom(folder)


def lines(folder, file):
    return [line.split("\t") for line in (folder / file).read_text().splitlines()]


def test_exact_mind_format(written):
    news, log = lines(written[0], "news.tsv"), lines(written[0], "behaviors.tsv")
    assert {len(row) for row in news} == {8}
    assert {len(row) for row in log} == {5}
    assert (len(news), len(log)) == (300, 4_000)
    assert all(word[-2:] in ("-0", "-1") for row in log for word in row[4].split())
    assert {sum(word.endswith("-1") for word in row[4].split()) for row in log} == {1}
    hours = {row[2].split()[1].split(":")[0] for row in log}
    assert hours <= {str(hour) for hour in range(1, 13)}


def test_shape_of_the_world(newsroom):
    notes = newsroom.notes
    assert (newsroom.n_users, newsroom.n_items) == (400, 300)
    assert (notes["impressions"], notes["clicks"], notes["articles"]) == (4_000, 4_000, 300)
    assert 21_000 < notes["shown"] < 23_000
    sections = collections.Counter(newsroom.item_table["category"])
    assert sections["soccer"] == 120
    assert len(sections) == 10
    assert newsroom.item_table["title"].n_unique() == 300
    empty = (newsroom.item_table["abstract"] == "").sum()
    assert 1 <= empty <= 20


def test_nobody_sees_an_article_twice_or_before_it_is_published(written):
    folder, truth = written
    for row in lines(folder, "behaviors.tsv")[:500]:
        read = set(row[3].split())
        shown = [word[:-2] for word in row[4].split()]
        assert not read & set(shown)
        assert len(set(shown)) == len(shown)
    assert truth.published_at.min() >= START_AT - 10 * DAY_S
    assert (np.diff(truth.published_at) >= 0).all()


def test_some_readers_are_new(written):
    first = {}
    for row in lines(written[0], "behaviors.tsv"):
        first.setdefault(row[1], row[3])
    share = np.mean([history == "" for history in first.values()])
    assert 0.02 < share < 0.2


def test_the_seed_decides_everything(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_newsroom(tmp_path / name, seed=seed)
    read = {
        name: [(tmp_path / name / file).read_bytes() for file in ("news.tsv", "behaviors.tsv")]
        for name in ("a", "b", "c")
    }
    assert read["a"] == read["b"]
    assert read["a"][1] != read["c"][1]


def test_it_is_written_once_and_kept(tmp_path):
    first = newsroom_at(tmp_path / "w")
    stamp = (tmp_path / "w" / "behaviors.tsv").stat().st_mtime_ns
    assert newsroom_at(tmp_path / "w").fingerprint == first.fingerprint
    assert (tmp_path / "w" / "behaviors.tsv").stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def newsroom_at(path):
    return newsroom(path=path)


def test_too_few_impressions_are_refused(tmp_path):
    with pytest.raises(BadConfig):
        write_newsroom(tmp_path, n_users=10, n_impressions=29)


def rows(folder, truth):
    """(reader's taste row, shown, clicked position, time, read) of each impression; readers found by their history."""
    from shortlist.data.catalog import load

    data = load(folder)
    shown = data.impressions
    past = data.histories(shown.user, before=shown.at)
    for one in range(len(shown)):
        here = slice(shown.offsets[one], shown.offsets[one + 1])
        yield shown.item[here], int(np.argmax(shown.clicked[here])), float(shown.at[one]), past.one(one).tolist()


def test_clicks_follow_the_planted_weights(written):
    """Without tastes, which nobody sees: the clicked article has clearly more of what is planted than the others."""
    folder, truth = written
    gain = collections.defaultdict(list)
    for shown, click, now, read in rows(folder, truth):
        columns = {
            "quality": truth.quality[shown],
            "fresh": 2.0 ** (-(now - truth.published_at[shown]) / DAY_S),
            "story": np.isin(truth.story[shown], truth.story[read]).astype(float),
            "position": -np.log1p(np.arange(len(shown))),
        }
        for name, column in columns.items():
            gain[name].append(column[click] - column.mean())
    for name, differences in gain.items():
        mean, error = np.mean(differences), np.std(differences) / np.sqrt(len(differences))
        assert mean > 4 * error, name


def test_utility_is_the_sum_of_its_parts(written):
    _, truth = written
    shown = np.array([5, 200])
    nothing = Weights(taste=0, story=0, next_part=0, quality=0, fresh=0, position=0)
    one = truth.__class__(**{**truth.__dict__, "weights": Weights(**{**nothing.__dict__, "quality": 2.0})})
    assert utility(one, 0, shown, START_AT, []).tolist() == (2 * truth.quality[shown]).tolist()


def test_tastes_are_peaked_and_soccer_has_most_friends(written):
    _, truth = written
    assert truth.taste.mean(axis=1) == pytest.approx(np.ones(400))
    favourite = np.bincount(truth.taste.argmax(axis=1), minlength=10)
    assert favourite.argmax() == 0
    assert np.median(truth.taste.max(axis=1)) > 4


def recall(newsroom, score):
    train, test = split(newsroom, "leave-last-out")
    hits = 0
    for b in range(len(test)):
        history, goal = test.history.one(b), test.truth.one(b)[0]
        value = score(train, history)
        value[history] = -np.inf
        hits += (value >= value[goal]).sum() <= 10
    return hits / len(test)


def test_content_and_order_clearly_beat_popularity(newsroom):
    """The shape of the book's figures: popularity far below content and transitions, and both together best."""
    train, _ = split(newsroom, "leave-last-out")
    words = [text.lower().split() for text in item_text(newsroom)]
    vocabulary = {word: n for n, word in enumerate(sorted({word for text in words for word in text}))}
    tf = np.zeros((len(words), len(vocabulary)))
    for article, text in enumerate(words):
        for word in text:
            tf[article, vocabulary[word]] += 1
    tfidf = tf * np.log(len(words) / (tf > 0).sum(axis=0))
    tfidf /= np.linalg.norm(tfidf, axis=1, keepdims=True)
    follows = np.zeros((newsroom.n_items, newsroom.n_items))
    for user in range(train.n_users):
        read = train.sequences.one(user)
        np.add.at(follows, (read[:-1], read[1:]), 1)
    follows /= np.maximum(follows.sum(axis=1, keepdims=True), 1)
    counts = np.bincount(train.interactions.item, minlength=newsroom.n_items).astype(float)

    def content(_, history):
        near = tfidf @ tfidf[history[-3:]].sum(axis=0)
        return near / max(near.max(), 1e-9)

    popular = recall(newsroom, lambda *_: counts.copy())
    by_text = recall(newsroom, content)
    by_order = recall(newsroom, lambda _, history: follows[history[-1]].copy())
    both = recall(newsroom, lambda data, history: follows[history[-1]] + 0.3 * content(data, history))
    assert popular < 0.1
    assert by_text > 1.5 * popular
    assert by_order > 1.5 * popular
    assert both > max(by_text, by_order)
