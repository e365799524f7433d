"""The table of goals with the measured figures beside them, as text, as a page and as a plot.

Everything here is made of the committed results (`results.newest`), so the page cannot say what was not measured;
`tests/benchmarks` compares the two.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.goals import ROWS, Goal
from benchmarks.results import newest

DOCS = Path(__file__).parents[1] / "docs"
INTRO = """\
Written by `python -m benchmarks --docs` from `benchmarks/results/`; do not edit. `make bench` builds the peers' own
environment (`benchmarks/peers.txt`), runs every pair and prints the first table.

Ours and the peer take turns in one run, after a first turn in which equal results (or equal or better quality) are
asserted; the figure is the ratio of the median CPU seconds, so 2x means half the time. Linear algebra has one thread on
both sides, the number of threads of a pair stands beside it, and settings of OpenBLAS that an environment forces are
unset for both. `must` and `aim` are the goals; the worst pair of a goal decides.
"""
Results = dict[str, list[dict[str, Any]]]


def values(results: Results) -> dict[str, list[tuple[str, float]]]:
    """By goal, what was measured: name of the pair and figure."""
    out: dict[str, list[tuple[str, float]]] = {}
    for pairs in results.values():
        for pair in pairs:
            for goal, value in pair.get("goals", {}).items():
                out.setdefault(goal, []).append((pair["name"], value))
    return out


def worst(goal: Goal, measured: list[tuple[str, float]]) -> float:
    """The figure that decides: the worst of all pairs that measure the goal."""
    return (max if goal.at_most else min)(value for _, value in measured)


def verdict(goal: Goal, measured: list[tuple[str, float]]) -> str:
    """ "aim", "must", "MISSED" or "not measured"."""
    if not measured:
        return "not measured"
    value = worst(goal, measured)
    return "aim" if goal.reached(value, goal.aim) else "must" if goal.reached(value, goal.must) else "MISSED"


def lines(results: Results) -> list[list[str]]:
    """Rows of the table: task, must, aim, measured, verdict."""
    found = values(results)
    out = []
    for row in ROWS:
        for goal in row.goals:
            mine = found.get(goal.key, [])
            task = row.task + (f": {goal.about}" if goal.about else "")
            shown = [amount(goal, value) for _, value in mine]
            best = worst(goal, mine) if mine else math.nan
            text = amount(goal, best) if mine else "-"
            if len(set(shown)) > 1:
                text += f" ({', '.join(shown)})"
            out.append([task, row.must, row.aim, text, verdict(goal, mine)])
    return out


def amount(goal: Goal, value: float) -> str:
    """A figure with its unit."""
    if goal.unit == "x":
        return f"{value:.2f}x"
    return f"{value:.3f} {goal.unit}"


def markdown(results: Results) -> str:
    """The table of goals."""
    head = "| task | must | aim | measured | reached |\n|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(line)} |\n" for line in lines(results))


def plain(results: Results) -> str:
    """The same for a terminal."""
    rows = [["", "must", "aim", "measured", "reached"], *lines(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


# --- the page --------------------------------------------------------------------------------------------------------


def write(results: Results | None = None, folder: Path = DOCS) -> None:
    """Write `docs/benchmarks.md` and its plot."""
    results = newest() if results is None else results
    (folder / "benchmarks.md").write_text(page(results))
    (folder / "benchmarks.svg").write_text(plot(results))


def page(results: Results) -> str:
    """`docs/benchmarks.md`."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            INTRO,
            "## Goals",
            "",
            markdown(results),
            "## What bounds the aims that are not reached",
            "",
            *(_bounds(results) or ["All are reached."]),
            "",
            "## Ours against peers",
            "",
            "![How many times less ours takes than each peer](benchmarks.svg)",
            "",
            "| what | peer | threads | turns | ours | peer's | ratio | found |",
            "|---|---|---|---|---|---|---|---|",
            *[_line(pair) for pairs in results.values() for pair in pairs],
            "",
            "`found` is ours and the peer's where two figures stand. A ratio is the peer's over ours.",
            "",
            "## Machines",
            "",
            "| benches | date, commit | processor | versions | linear algebra | load before |",
            "|---|---|---|---|---|---|",
            *_machines(results),
            "",
        ]
    )


def _bounds(results: Results) -> list[str]:
    found = values(results)
    out = []
    for row in ROWS:
        for goal in row.goals:
            mine = found.get(goal.key, [])
            if mine and verdict(goal, mine) != "aim":
                out.append(f"- **{row.task}{': ' + goal.about if goal.about else ''}** {goal.bound}".rstrip())
    return out


def _line(pair: dict[str, Any]) -> str:
    for what in ("failed", "skipped"):
        if what in pair:
            return f"| {pair['name']} | {pair.get('peer', '')} | | | | | | {what}: {pair[what]} |"
    unit = {"cpu_s": "CPU s", "wall_s": "s", "peak_mb": "MB"}[pair["measure"]]
    theirs = "" if pair["theirs"] is None else f"{_round(pair['theirs'])} {unit}"
    ratio = "" if pair["ratio"] is None else f"{pair['ratio']:.2f}x"
    found = ", ".join(f"{name} {_shown(value)}" for name, value in pair["found"].items())
    ours = f"{_round(pair['ours'])} {unit}"
    cells = [pair["name"], pair["peer"], str(pair["threads"]), str(pair["repeats"]), ours, theirs, ratio, found]
    return f"| {' | '.join(cells)} |"


def _machines(results: Results) -> list[str]:
    same: dict[str, list[str]] = {}
    for bench, pairs in results.items():
        for on in (pair["machine"] for pair in pairs):
            versions = [f"python {on['python']}", *(f"{name} {value}" for name, value in on["versions"].items())]
            cells = [
                f"{on['date']}, {on['commit']}",
                f"{on['cpu']}, {on['cores']} cores, {on['ram_gb']} GB",
                ", ".join(versions),
                on["blas"],
                str(on["load_1min"]),
            ]
            mine = same.setdefault(" | ".join(cells), [])
            mine.extend([] if bench in mine else [bench])
    return [f"| {', '.join(benches)} | {cells} |" for cells, benches in same.items()]


def _round(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " / ".join(_shown(part) for part in value)
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


# --- the plot --------------------------------------------------------------------------------------------------------

LEFT, WIDTH, STEP, TOP = 430, 470, 22, 46
TICKS = (0.5, 1, 2, 5, 10, 20, 50)


def plot(results: Results) -> str:
    """An SVG of horizontal bars, log scale: the peer's figure over ours for each pair that has a peer."""
    bars = [
        (pair["name"], pair["peer"], pair["ratio"])
        for pairs in results.values()
        for pair in pairs
        if pair.get("ratio") is not None
    ]
    low = min([0.5, *(ratio for *_, ratio in bars)])
    high = max([10.0, *(ratio for *_, ratio in bars)])

    def x(ratio: float) -> float:
        return LEFT + WIDTH * math.log(ratio / low) / math.log(high / low)

    height = TOP + STEP * len(bars) + 44
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="20" font-size="14">'
        "How many times less ours takes than the peer</text>",
    ]
    bottom = TOP + STEP * len(bars)
    for tick in TICKS:
        if low <= tick <= high:
            heavy = 'stroke="#444" stroke-width="1.5"' if tick == 1 else 'stroke="#ddd"'
            out.append(f'<line x1="{x(tick):.1f}" y1="{TOP - 6}" x2="{x(tick):.1f}" y2="{bottom}" {heavy}/>')
            out.append(f'<text x="{x(tick):.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}x</text>')
    out.append(
        f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 34}" text-anchor="middle">'
        "peer / ours, CPU seconds or memory (log scale)</text>"
    )
    for number, (name, peer, ratio) in enumerate(bars):
        y = TOP + STEP * number
        label = f"{name[:52] + ('...' if len(name) > 52 else '')} | {peer.split()[0]}"
        start, end = sorted((x(1), x(ratio)))
        colour = "#2b7a78" if ratio >= 1 else "#b5432e"
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(label)}</text>')
        out.append(
            f'<rect x="{start:.1f}" y="{y + 2}" width="{max(1.0, end - start):.1f}" height="14" fill="{colour}"/>'
        )
        out.append(f'<text x="{max(end, x(1)) + 4:.1f}" y="{y + 13}">{ratio:.2f}x</text>')
    return "\n".join([*out, "</svg>", ""])
