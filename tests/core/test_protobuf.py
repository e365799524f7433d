"""The wire format by hand: tags, numbers, bytes, and everything that is no message."""

import struct

import pytest

from shortlist.core.protobuf import BYTES, FIXED32, FIXED64, VARINT, collect, fields, number, packed, signed, text


def test_each_kind_of_value():
    raw = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d" + struct.pack("<f", 1.5) + b"\x21" + struct.pack("<d", -2.0)
    found = list(fields(raw))
    assert [(n, kind) for n, kind, _ in found] == [(1, VARINT), (2, BYTES), (3, FIXED32), (4, FIXED64)]
    assert found[0][2] == 150
    assert text(found[1][2]) == "hi"
    assert [number(found[2][2]), number(found[3][2])] == [1.5, -2.0]


def test_repeated_fields_keep_their_order():
    assert collect(b"\x08\x01\x10\x05\x08\x02") == {1: [1, 2], 2: [5]}
    assert packed(memoryview(b"\x01\x96\x01")) == [1, 150]
    assert collect(b"") == {}


def test_negative_numbers():
    (_, _, value) = next(fields(b"\x08" + b"\xff" * 9 + b"\x01"))
    assert signed(value) == -1
    assert signed(7) == 7


@pytest.mark.parametrize(
    "raw",
    [b"\x08", b"\x08\x80", b"\x12\x05hi", b"\x00\x01", b"\x0b", b"\x08" + b"\x80" * 11, b"\x1d\x00"],
    ids=["nothing", "unfinished", "short", "number 0", "group", "endless", "short float"],
)
def test_what_is_no_message_is_refused(raw):
    with pytest.raises(ValueError):
        list(fields(raw))
