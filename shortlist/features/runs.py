"""The running numbers of one entity as few bytes: what a store keeps per item and per user.

A run is compacted first: what is left are the rows behind which a window can still begin, some sixty for an item in
constant use and windows up to 28 days. Its last row is written in full. Of the rows before it only what a window
subtracts is written: the time, in whole grains, and each sum, as its distance from the last row. Sums that are whole
numbers (counts, and weights of places in their 65536ths) take one, two or four bytes each, other sums eight.

An encoded run answers for any `now` behind its last event exactly as the whole run does. For an earlier `now` it is
coarse: windows may begin too early, faded sums and latest times are missing; what lies ahead is not seen even then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, Ints
from shortlist.features import kernels
from shortlist.features.measures import Measure, Query
from shortlist.features.windows import cells

MAX_ROWS = 65_535


class RunCodec:
    """Writes and reads runs of one layout.

    Args:
        measures: columns of the rows.
        queries: what is read of them; their windows say which rows can be needed.

    Attributes:
        measures: as given.
    """

    def __init__(self, measures: Sequence[Measure], queries: Sequence[Query]) -> None:
        self.measures = tuple(measures)
        windows = sorted({(q.window.grain_s, q.window.grains) for q in queries if not q.window.is_all})
        self._grain = np.array([grain for grain, _ in windows], np.float64)
        self._grains = np.array([grains for _, grains in windows], np.int64)
        # Every grain is a multiple of the finest, so whole ones of it keep every row on its side of each boundary.
        self._unit = float(self._grain.min()) if windows else 1.0
        self._sums = np.array([k for k, one in enumerate(self.measures) if one.op == "sum"], np.int64)
        self._times = np.array([k for k, one in enumerate(self.measures) if one.op == "latest"], np.int64)
        self._parts = np.array([self.measures[k].parts for k in self._sums], np.float64)

    def encode(self, rows: Floats) -> bytes:
        """The bytes of one entity's rows [n, 1 + K]; empty for none. Changes `rows`."""
        n = kernels.compact(rows, len(rows), self._grain, self._grains)
        if n == 0:
            return b""
        inner, last = rows[: n - 1], rows[n - 1]
        columns = [cells(last[:1], self._unit) - cells(inner[:, 0], self._unit)]
        for k, parts in zip(self._sums, self._parts, strict=True):
            gap = last[1 + k] - inner[:, 1 + k]
            columns.append(np.rint(gap * parts) if parts else gap)
        widths = [_width(column) if j == 0 or self._parts[j - 1] else 8 for j, column in enumerate(columns)]
        parts_ = [
            column.astype({1: "<u1", 2: "<u2", 4: "<u4", 8: "<f8"}[width]).tobytes()
            for column, width in zip(columns, widths, strict=True)
        ]
        return b"".join([np.uint16(n).tobytes(), bytes(widths), last.astype("<f8").tobytes(), *parts_])

    def decode(self, runs: Sequence[bytes | None]) -> tuple[Floats, Ints, Ints]:
        """(rows, start, count) of the entities 0, 1, ...; of inner rows only time and sums are filled in."""
        sizes = np.array([0 if run is None else len(run) for run in runs], np.int64)
        stops = np.cumsum(sizes)
        data = np.frombuffer(bytearray().join([run for run in runs if run]), np.uint8)
        count = np.zeros(len(runs), np.int64)
        some = np.flatnonzero(sizes)
        begin = (stops - sizes)[some]
        count[some] = data[begin].astype(np.int64) + 256 * data[begin + 1].astype(np.int64)
        start = np.cumsum(count) - count
        rows = np.zeros((int(count.sum()), 1 + len(self.measures)), np.float64)
        rows[:, 1 + self._times] = -np.inf
        _decode(data, begin, start[some], count[some], self._sums, self._parts, self._unit, rows)
        return rows, start, count


def _width(column: Floats) -> int:
    """Bytes that hold every whole number of a column; 8 (as a float) where none does."""
    most = float(column.max(initial=0.0))
    least = float(column.min(initial=0.0))
    return 8 if least < 0 or most >= 2**32 else 1 if most < 256 else 2 if most < 65_536 else 4


@njit(cache=True)
def ulp(x: float) -> float:  # pragma: no cover
    """A distance that takes x to a smaller float close to it."""
    return max(abs(x) * 2.0**-52, 2.0**-60)


@njit(cache=True)
def _decode(
    data: Array, begin: Ints, start: Ints, count: Ints, sums: Ints, parts: Floats, unit: float, rows: Array
) -> None:  # pragma: no cover
    """Fill `rows` from the bytes of every run."""
    n_columns = rows.shape[1]
    eight = np.empty(8, np.uint8)
    number = eight.view(np.float64)
    for r in range(len(begin)):
        place = begin[r] + 2
        widths = place
        place += 1 + len(sums)
        first, last = start[r], start[r] + count[r] - 1
        for k in range(n_columns):
            for byte in range(8):
                eight[byte] = data[place + byte]
            rows[last, k] = number[0]
            place += 8
        head = kernels.cell(rows[last, 0], unit)
        for column in range(1 + len(sums)):
            width = data[widths + column]
            k = 0 if column == 0 else 1 + sums[column - 1]
            # Parts are powers of two, so multiplying by their inverse is exact.
            scale = 1.0 if column == 0 or parts[column - 1] == 0.0 else 1.0 / parts[column - 1]
            for j in range(first, last):
                if width == 1:
                    value = np.float64(data[place])
                elif width == 2:
                    value = data[place] + 256.0 * data[place + 1]
                elif width == 4:
                    value = (
                        data[place] + 256.0 * data[place + 1] + 65536.0 * data[place + 2] + 16777216.0 * data[place + 3]
                    )
                else:
                    for byte in range(8):
                        eight[byte] = data[place + byte]
                    value = number[0]
                place += width
                if column > 0:
                    rows[j, k] = rows[last, k] - value * scale
                else:
                    # The last moment of its grain: on the same side of every boundary, never before it happened.
                    end = (head - value + 1.0) * unit
                    rows[j, 0] = end - ulp(end)
