import pytest

from shortlist.core.errors import BadConfig, BadRow
from shortlist.data.catalog import load
from shortlist.data.readers.mind import HISTORY_SPAN_S
from shortlist.data.text import item_text

NEWS = (
    "N55528\tlifestyle\troyals\tBrands the Queen wears\tShop the notebooks\thttps://x\t[]\t[]\n"
    'N19639\thealth\tweightloss\t50 worst habits\t\thttps://x\t[{"Label": "Fat"}]\t[]\n'
    "N61837\tnews\tnewsworld\tCost of trenches\tLt. Ivan Molchanets peeked\thttps://x\n"
)
BEHAVIORS = (
    "1\tU13740\t11/11/2019 9:05:58 AM\tN19639 N61837 N777\tN55528-1 N888-0\n"
    "2\tU99\t11/12/2019 06:11:30 PM\t\tN61837-1 N19639-0\n"
)
START = 1_573_463_158.0


def write(folder, behaviors=BEHAVIORS, news=NEWS):
    (folder / "behaviors.tsv").write_text(behaviors)
    if news is not None:
        (folder / "news.tsv").write_text(news)
    return folder


def clicks(data):
    events = data.interactions
    rows = [row for row, kind in enumerate(events.type) if events.types[kind] == "click"]
    return [(data.users.ids[events.user[row]], data.items.ids[events.item[row]], float(events.at[row])) for row in rows]


def test_the_fixture_of_the_book(tmp_path):
    data = load(write(tmp_path))
    assert clicks(data) == [("U13740", "N55528", 1573463158.0), ("U99", "N61837", 1573582290.0)]
    assert data.notes["articles"] == 3
    assert data.item_table["abstract"].to_list()[:3] == ["Shop the notebooks", "", "Lt. Ivan Molchanets peeked"]
    assert data.histories(data.users.encode(["U99"])).item.tolist() == [data.items.get("N61837")]


def test_histories_lie_evenly_before_the_log(tmp_path):
    data = load(write(tmp_path))
    history = data.histories(data.users.encode(["U13740"]))
    assert data.items.decode(history.item) == ["N19639", "N61837", "N777", "N55528"]
    step = HISTORY_SPAN_S / 3
    assert history.at.tolist()[:3] == pytest.approx([START - 2.5 * step, START - 1.5 * step, START - 0.5 * step])
    assert data.interactions.types == ("history", "click")


def test_shown_lists_keep_their_order_and_labels(tmp_path):
    shown = load(write(tmp_path)).impressions
    assert shown.offsets.tolist() == [0, 2, 4]
    assert shown.clicked.tolist() == [True, False, True, False]


def test_unknown_articles_are_kept_or_skipped(tmp_path):
    keep, skip = load(write(tmp_path)), load(tmp_path, unknown="skip")
    assert keep.items.ids == ["N55528", "N19639", "N61837", "N888", "N777"]
    assert keep.item_table["title"].to_list()[3:] == [None, None]
    assert skip.items.ids == ["N55528", "N19639", "N61837"]
    assert skip.impressions.offsets.tolist() == [0, 1, 3]
    assert clicks(skip) == clicks(keep)
    with pytest.raises(BadConfig):
        load(tmp_path, unknown="maybe")


def test_first_time_seen(tmp_path):
    table = load(write(tmp_path)).item_table
    assert table["first_seen_at"].to_list() == [START, 1573582290.0, 1573582290.0, START, None]


def test_a_history_that_grows_is_not_counted_twice(tmp_path):
    rows = (
        "1\tU1\t11/11/2019 9:00:00 AM\tN55528\tN19639-1\n2\tU1\t11/11/2019 11:00:00 AM\tN55528 N19639 N61837\tN888-1\n"
    )
    data = load(write(tmp_path, rows))
    history = data.sequences
    assert data.items.decode(history.item) == ["N55528", "N19639", "N61837", "N888"]
    # N61837 was read somewhere between the two rows.
    assert history.at[2] == history.at[1] + 3600


@pytest.mark.parametrize(
    "stamp", ["11/11/2019 21:05:58", "2019-11-11T21:05:58", "2019-11-11 21:05:58", "11/11/2019 9:05:58 pm"]
)
def test_other_spellings_of_time(tmp_path, stamp):
    data = load(write(tmp_path, f"1\tU1\t{stamp}\t\tN55528-1\n"))
    assert data.interactions.at.tolist() == [START + 43_200]


def test_midnight_and_noon(tmp_path):
    rows = "1\tU1\t1/2/2020 12:00:00 AM\t\tN1-1\n2\tU1\t1/2/2020 12:00:00 PM\t\tN2-1\n"
    assert load(write(tmp_path, rows, None)).impressions.at.tolist() == [1_577_923_200.0, 1_577_966_400.0]


def test_the_test_part_has_no_labels(tmp_path):
    shown = load(write(tmp_path, "1\tU1\t1/2/2020 12:00:00 AM\tN9\tN1 N2\n", None)).impressions
    assert shown.clicked.tolist() == [False, False]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("3\tU1\t11/11/2019 9:00:00 AM\tN1", "4 fields where 5"),
        ("3\tU1\tsome day\t\tN1-0", "column 'time' is not a time"),
        ("3\tU1\t13/13/2019 9:00:00 AM\t\tN1-0", "column 'time' is not a time"),
        ("3\tU1\t11/11/2019 13:00:00 AM\t\tN1-0", "column 'time' is not a time"),
        ("3\tU1\t11/11/2019 9:00:00 AM\t\tN1-2", "column 'impressions'"),
        ("3\tU1\t11/11/2019 9:00:00 AM\t\t-1", "an article id is empty"),
        ("3\t\t11/11/2019 9:00:00 AM\t\tN1-0", "column 'user_id' is empty"),
    ],
)
def test_broken_rows_are_named(tmp_path, row, why):
    with pytest.raises(BadRow, match=rf"behaviors\.tsv, line 3: .*{why}"):
        load(write(tmp_path, BEHAVIORS + row + "\n"))


def test_broken_news_are_named(tmp_path):
    with pytest.raises(BadRow, match=r"news\.tsv, line 4: 2 fields"):
        load(write(tmp_path, news=NEWS + "N1\tsports\n"))
    with pytest.raises(BadRow, match=r"news\.tsv, line 4: the article of line 1 again"):
        load(write(tmp_path, news=NEWS + NEWS.split("\n")[0] + "\n"))


def test_text(tmp_path):
    text = item_text(load(write(tmp_path)))
    assert text[0] == "Brands the Queen wears. Shop the notebooks"
    assert text[1] == "50 worst habits. health weightloss"
    assert text[3] == ""


@pytest.mark.real_data("mind-small-sample")
def test_counts_of_the_sample(mind_small_sample):
    data = mind_small_sample
    assert data.n_users == 4_637
    notes = data.notes
    assert (notes["impressions"], notes["shown"], notes["clicks"]) == (5_000, 189_359, 7_542)
    assert (notes["history_ids"], notes["articles"]) == (159_802, 2_000)
    shown = data.impressions
    assert len(set(shown.item.tolist())) == 7_457
    known = shown.item < 2_000
    assert (int(known.sum()), int(shown.clicked[known].sum())) == (5_310, 175)
    assert data.item_table["category"].n_unique() - 1 == 15
    assert data.item_table["subcategory"].n_unique() - 1 == 143
