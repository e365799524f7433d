"""Charts of reports as SVG text: two axes with labels and units, lines, points with intervals, bars.

No plotting library: the charts are small, their text can be searched, and a test can read them. Whatever comes from
data (names of columns, categories) is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

COLOURS = ("#2b7a78", "#b5432e", "#3d5a98", "#8a6d1f", "#6b4a8a", "#4d4d4d", "#a3527a", "#5d8a3a")
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 36, 52
"""Room around the drawing, for labels."""


class Chart:
    """A drawing with two linear axes.

    Args:
        title: what it shows.
        x: (label with unit, low, high).
        y: (label with unit, low, high).
        width: of the whole, in pixels.
        height: of the whole.
        left: room for labels on the left.
        y_ticks: whether the upright axis has numbers.
    """

    def __init__(
        self, title: str, x: tuple[str, float, float], y: tuple[str, float, float], *, width: int = 640,
        height: int = 420, left: int = LEFT, y_ticks: bool = True,
    ) -> None:  # fmt: skip
        self._x, self._y = _open(*x[1:]), _open(*y[1:])
        self._size = (width, height, left)
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            'font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>'
            f'<text x="{left}" y="20" font-size="14">{_safe(title)}</text>',
        ]
        low, high = height - BOTTOM, TOP
        for value in ticks(*self._x):
            at = self.x(value)
            self._parts.append(f'<line x1="{at:.1f}" y1="{high}" x2="{at:.1f}" y2="{low}" stroke="#ddd"/>')
            self.write(at, low + 14, f"{value:g}", "middle")
        for value in ticks(*self._y) if y_ticks else ():
            at = self.y(value)
            self._parts.append(f'<line x1="{left}" y1="{at:.1f}" x2="{width - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>')
            self.write(left - 6, at + 4, f"{value:g}", "end")
        frame = (left, high, width - RIGHT - left, low - high)
        self._parts.append('<rect x="{}" y="{}" width="{}" height="{}" fill="none" stroke="#444"/>'.format(*frame))
        self.write((left + width - RIGHT) / 2, height - 14, x[0], "middle")
        middle = (low + high) / 2
        self._parts.append(
            f'<text x="14" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 14 {middle:.1f})">'
            f"{_safe(y[0])}</text>"
        )

    def x(self, value: float) -> float:
        """Pixels from the left."""
        width, _, left = self._size
        low, high = self._x
        return left + (width - RIGHT - left) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        _, height, _ = self._size
        low, high = self._y
        return height - BOTTOM - (height - BOTTOM - TOP) * (value - low) / (high - low)

    def write(self, x: float, y: float, text: str, anchor: str = "start", colour: str = "#000") -> None:
        """Text at a place in pixels."""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{_safe(text)}</text>')

    def legend(self, number: int, label: str, colour: str) -> None:
        """The name of a line, in its colour, in the upper left corner."""
        self.write(self._size[2] + 10, TOP + 16 + 14 * number, label, colour=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> None:
        """A line through points in units of the axes."""
        at = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>')

    def bar(self, row: float, value: float, colour: str) -> None:
        """A lying bar from zero, one unit of the upright axis high."""
        x, end = sorted((self.x(0.0), self.x(value)))
        top, bottom = self.y(row + 0.85), self.y(row + 0.15)
        self._parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{max(end - x, 0.5):.1f}" height="{bottom - top:.1f}" '
            f'fill="{colour}"/>'
        )

    def point(self, x: float, y: float, colour: str) -> None:
        """A dot."""
        self._parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>')

    def text(self) -> str:
        """The whole as SVG."""
        return "\n".join([*self._parts, "</svg>", ""])


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, a few of them."""
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def reliability_chart(curves: Mapping[str, Mapping[str, Sequence[float]]], *, title: str) -> str:
    """Observed click rate over predicted probability, with 95 % intervals; the dashed diagonal is calibrated.

    Args:
        curves: by label, what `metrics.reliability(...).to_dict()` gives.
        title: what it shows.
    """
    top = max([0.05, *(value for curve in curves.values() for name in ("predicted", "high") for value in curve[name])])
    top = min(1.0, top * 1.05)
    chart = Chart(title, ("predicted probability of a click", 0.0, top), ("share of rows clicked, 95 %", 0.0, top))
    chart.line([(0.0, 0.0), (top, top)], "#888", dashed=True)
    for number, (label, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        chart.line(list(zip(curve["predicted"], curve["observed"], strict=True)), colour)
        for x, y, low, high in zip(*(curve[n] for n in ("predicted", "observed", "low", "high")), strict=True):
            chart.line([(x, max(low, 0.0)), (x, min(high, top))], colour)
            chart.point(x, y, colour)
        chart.legend(number, label, colour)
    return chart.text()


def bars_chart(rows: Sequence[tuple[str, float, float, float]], *, title: str, x: str, y: str) -> str:
    """Lying bars with 95 % intervals, the first row on top.

    Args:
        rows: (name, value, low, high).
        title: what it shows.
        x: label of the values, with their unit.
        y: what the names are.
    """
    low = min([0.0, *(row[2] for row in rows)])
    high = max([0.0, *(row[3] for row in rows)])
    room = (high - low or 1.0) * 0.04
    span = (x, low - (room if low < 0 else 0.0), high + room)
    left = 40 + 7 * max([8, *(min(len(row[0]), 40) for row in rows)])
    height = TOP + BOTTOM + 22 * max(1, len(rows))
    chart = Chart(title, span, (y, 0.0, float(max(1, len(rows)))), height=height, left=left, y_ticks=False)
    for number, (name, value, least, most) in enumerate(rows):
        row = len(rows) - 1.0 - number
        chart.bar(row, value, COLOURS[0])
        chart.line([(least, row + 0.5), (most, row + 0.5)], "#444")
        chart.write(left - 6, chart.y(row + 0.5) + 4, name if len(name) <= 40 else name[:39] + "~", "end")
    chart.line([(0.0, 0.0), (0.0, float(len(rows)))], "#444")
    return chart.text()


def lines_chart(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    mark: float | None = None,
    intervals: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> str:
    """Lines over one axis, with 95 % intervals where there are any; a dashed upright where things stand now.

    Args:
        x: places of the points.
        lines: values at them, by label; at most as many as there are colours are told apart.
        title: what it shows.
        x_label: of the lower axis, with its unit.
        y_label: of the upright axis, with its unit.
        mark: the present place, or None.
        intervals: (low, high) at the points, by label.
    """
    held = [value for values in lines.values() for value in values]
    held += [end for pairs in (intervals or {}).values() for pair in pairs for end in pair]
    low, high = min(held), max(held)
    room = (high - low or abs(high) or 1.0) * 0.08
    # Room above for the names of the lines.
    top = high + room + (high - low + room) * 0.04 * len(lines)
    chart = Chart(title, (x_label, min(x), max(x)), (y_label, low - room, top))
    if mark is not None:
        chart.line([(mark, low - room), (mark, top)], "#888", dashed=True)
    for number, (label, values) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        chart.line(list(zip(x, values, strict=True)), colour)
        for at, value in zip(x, values, strict=True):
            chart.point(at, value, colour)
        for at, (least, most) in zip(x, (intervals or {}).get(label, ()), strict=False):
            chart.line([(at, least), (at, most)], colour)
        chart.legend(number, label, colour)
    return chart.text()


def save(folder: Path, charts: Mapping[str, str]) -> list[Path]:
    """Write charts as `<name>.svg` into a folder, made if needed; names become safe file names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in charts.items():
        path = folder / ("".join(c if c.isalnum() or c in "-_" else "_" for c in name) + ".svg")
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _open(low: float, high: float) -> tuple[float, float]:
    """The range, widened where it is a single value."""
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _safe(text: Any) -> str:
    return escape("".join(ch if ch.isprintable() else "?" for ch in str(text)))
