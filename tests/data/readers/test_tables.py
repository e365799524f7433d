import polars as pl
import pytest

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.readers.tables import infer_columns, numbers, read_delimited, read_text


def read(text, **options):
    return read_delimited(text if isinstance(text, bytes) else text.encode(), "log.csv", **options)[0]


def test_everything_is_text():
    frame = read("user,item,n\n007,1e5,1.50\n")
    assert frame.rows() == [("007", "1e5", "1.50")]


@pytest.mark.parametrize(
    "raw",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\r\n1,2\r\n3,4\r\n",
        b"a,b\n1,2\r\n3,4",
        b"a,b\r1,2\r3,4\r",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
        b"a,b\n\n1,2\n\n3,4\n\n",
        b'"a","b"\n"1","2"\n3,4\n',
        b" a , b \n1,2\n3,4\n",
    ],
)
def test_line_ends_marks_blank_lines_and_quotes(raw):
    frame = read(raw)
    assert frame.columns == ["a", "b"]
    assert frame.rows() == [("1", "2"), ("3", "4")]


def test_quoted_separators_and_line_ends():
    assert read('a,b\n"x,y","two\nlines"\n').rows() == [("x,y", "two\nlines")]


def test_empty_fields_stay():
    assert read("a,b,c\n1,,\n,,3\n").rows() == [("1", "", ""), ("", "", "3")]


def test_separators_of_several_characters_and_no_header():
    assert read("1::A: b::x|y\n", separator="::", header=["i", "t", "g"], quote=False).rows() == [("1", "A: b", "x|y")]


def test_quotes_as_ordinary_text():
    assert read('1\t"half\n', separator="\t", header=["i", "t"], quote=False).rows() == [("1", '"half')]


def test_latin_1():
    assert (
        read("1|caf\xe9\n".encode("latin-1"), separator="|", header=["i", "t"], encoding="latin-1").item(0, 1) == "café"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n3\n4,5\n", "line 3: 1 fields where 2 are expected"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields where 2 are expected"),
        ('a,b\n"1\n2",3\n4\n', "line 4: 1 fields"),
        ('a,b\n1,2\n"3,4\n5,6\n', r"line \d: a quote is opened and never closed"),
        (b"a,b\n1,2\n\xff\xfe,4\n", "line 3: bytes that are not utf-8"),
        ("a,b\n1,2\n3\x00,4\n", "line 3: a NUL"),
    ],
)
def test_broken_lines_are_named(text, why):
    with pytest.raises(BadRow, match=rf"log\.csv, {why}"):
        read(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no header"),
        ("a,b,a\n1,2,3\n", "column 'a' appears twice"),
        ("a,,b\n1,2,3\n", "a column has no name"),
        (",".join(f"c{n}" for n in range(20_000)), "more than 10000 columns"),
        ('a,"b\n1,2\n', "open quote"),
    ],
)
def test_broken_headers(text, why):
    with pytest.raises((SchemaMismatch, BadRow), match=why):
        read(text)


def test_a_header_without_rows():
    assert read("a,b\n").shape == (0, 2)
    assert read("", header=["a", "b"]).shape == (0, 2)


def test_lines_are_counted_over_quoted_line_ends_and_blank_lines():
    _, origin = read_delimited(b'a,b\n"x\ny",1\n\nz,2\nw,3\n', "log.csv")
    assert [origin.line_of(row) for row in range(3)] == [2, 5, 6]


def test_infer_columns():
    frame = pl.DataFrame(
        {
            "id": ["1", "2"],
            "whole": ["3", ""],
            "real": ["1.5", "2"],
            "code": ["007", "12"],
            "flag": ["true", "False"],
            "text": ["a", ""],
            "empty": ["", ""],
        }
    )
    out = infer_columns(frame, keep=("id",))
    assert out.dtypes == [pl.String, pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.String, pl.String]
    assert out["whole"].to_list() == [3, None]
    assert out["flag"].to_list() == [True, False]
    assert out["empty"].to_list() == [None, None]


def test_numbers_name_the_line():
    frame, origin = read_delimited(b"n\n1\nx\n", "log.csv")
    with pytest.raises(BadRow, match=r"log\.csv, line 3: column 'n' is not a number"):
        numbers(frame, "n", origin)


def test_text_is_kept_as_it_is():
    assert read_text("é\r\nx\r".encode(), "f") == "é\nx\n"
