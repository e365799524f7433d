"""Charts are text: axes with names, numbers inside, nothing from data that could break out."""

from xml.etree import ElementTree

import numpy as np
import pytest

from shortlist.evaluation.metrics import reliability
from shortlist.evaluation.plots import Chart, lines_chart, reliability_chart, save, ticks

SVG = "{http://www.w3.org/2000/svg}"


def words(text):
    return [node.text for node in ElementTree.fromstring(text).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.02, 0.013, [-0.02, -0.01, 0.0, 0.01]),
        (0.0, 0.05, [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (3.0, 700.0, [200.0, 400.0, 600.0]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_units_become_pixels():
    chart = Chart("t", ("x (s)", 0.0, 10.0), ("y (m)", 0.0, 2.0), width=400, height=300, left=50)
    assert (chart.x(0.0), chart.x(10.0)) == (50, 376)
    assert (chart.y(0.0), chart.y(2.0)) == (248, 36)
    assert {"t", "x (s)", "y (m)"} <= set(words(chart.text()))


def test_a_reliability_chart_names_its_axes_and_lines():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    curve = reliability(rng.random(500) < p, p).to_dict()
    found = words(reliability_chart({"gbdt <b>": curve, "logistic": curve}, title="On newsroom"))
    assert {"On newsroom", "gbdt <b>", "logistic"} <= set(found)
    assert "predicted probability of a click" in found
    assert "share of rows clicked, 95 %" in found
    dots = list(ElementTree.fromstring(reliability_chart({"a": curve}, title="t")).iter(f"{SVG}circle"))
    assert len(dots) == len(curve["rows"])


def test_lines_have_names_intervals_and_a_mark():
    text = lines_chart(
        [0.0, 1.0, 2.0],
        {"a": [0.1, 0.2, 0.3], "b": [0.3, 0.2, 0.1]},
        title="t",
        x_label="weight of x",
        y_label="share",
        mark=1.0,
        intervals={"a": [(0.05, 0.15), (0.1, 0.3), (0.2, 0.4)]},
    )
    assert {"t", "a", "b", "weight of x", "share"} <= set(words(text))
    lines = list(ElementTree.fromstring(text).iter(f"{SVG}polyline"))
    assert len(lines) == 2 + 3 + 1
    assert sum("stroke-dasharray" in line.attrib for line in lines) == 1
    flat = lines_chart([1.0, 2.0], {"a": [0.5, 0.5]}, title="t", x_label="x", y_label="y")
    assert "nan" not in flat


def test_charts_are_saved_under_safe_names(tmp_path):
    [path] = save(tmp_path / "new", {"../ranker 1": "<svg/>"})
    assert path == tmp_path / "new" / "___ranker_1.svg"
    assert path.read_text() == "<svg/>"
