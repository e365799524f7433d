"""Tables of results that several commands print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shortlist.doors.cli.output import console, note, print_table

WIDE = 110
"""Columns a terminal needs for every figure of a leaderboard."""


def print_leaderboard(board: dict[str, Any]) -> None:
    """One row per model: the first metric with its interval, then the others, then what it cost."""
    rows = [row for row in board["rows"] if not row.get("error")]
    # A terminal of 80 columns has room for two metrics and what the fit cost.
    wide = console.width >= WIDE
    wanted = {"recall", "ndcg", "map"} if wide else {"recall", "ndcg"}
    shown = [name for name in (rows[0]["metrics"] if rows else {}) if name.split("@")[0] in wanted]
    first = shown[0] if shown else ""
    table = []
    for row in rows:
        low, high = row["interval"].get(first, (None, None))
        interval = "-" if low is None else f"{low:.3f} to {high:.3f}"
        metrics = [row["metrics"].get(name) for name in shown]
        cost = [row["fit_seconds"], *([row["predict_seconds"], row["peak_mb"]] if wide else [])]
        table.append([row["label"], *metrics, interval, *cost])
    strict = ", strict" if board["strict"] else ""
    title = f"{board['data']}, protocol {board['protocol']}{strict}, k={board['k']}, fingerprint {board['fingerprint']}"
    costs = ("fit s", "predict s", "peak MB") if wide else ("fit s",)
    columns = ("model", *shown, f"{first} 95 %", *costs)
    print_table(title, columns, table)
    for row in board["rows"]:
        if row.get("error"):
            error = row["error"]
            note(f"{row['label']}: {error['message'] if isinstance(error, dict) else error}")


def print_backtest(report: dict[str, Any]) -> None:
    """Candidates alone against the full pipeline, then each ranker, then what was left out."""
    full, alone = report["full"], report["candidates"]
    rows = []
    for name in ("recall", "ndcg", "map"):
        metric = f"{name}@{report['k']}"
        low, high = full["interval"][metric]
        rows.append((metric, alone["metrics"][metric], full["metrics"][metric], f"{low:.4f} to {high:.4f}"))
    title = (
        f"Pipeline {report['pipeline']['name']} on {report['data']}: {report['requests']} requests, "
        f"protocol {report['protocol']}"
    )
    print_table(title, ("metric", "candidates alone", "full pipeline", "full pipeline 95 %"), rows)
    found = report["comparison"]
    note(
        f"{found['metric']}: {found['difference']:+.4f} (95 % {found['low']:+.4f} to {found['high']:+.4f}), better for "
        f"{found['wins']}, equal for {found['ties']}, worse for {found['losses']} requests. "
        f"{report['found']:.1%} of what was wanted was among the candidates."
    )
    for label, ranker in report["ranker"].items():
        leaky = ranker.get("leaky")
        table = [("leak-free", ranker["auc"], ranker["gauc"], ranker["impression_auc"])]
        if leaky:
            table.append((leaky["name"], leaky["auc"], leaky["gauc"], leaky["impression_auc"]))
        title = f"Ranker '{label}' on {ranker['rows']} shown items after the cut"
        print_table(title, ("figure", "AUC", "gAUC by user", "AUC by impression"), table)
        heads = ranker.get("heads")
        if heads:
            tasks = [(name, each["rows"], each.get("auc"), each.get("gauc")) for name, each in heads.items()]
            print_table(f"Heads of '{label}'", ("task", "rows", "AUC", "gAUC by user"), tasks)
        scenarios = ranker.get("scenarios")
        if scenarios:
            lines = [(name, scenarios["rows"][name], value) for name, value in scenarios["auc"].items()]
            lines.append(("plain mean", ranker["rows"], scenarios["macro_auc"]))
            print_table(f"Scenarios of '{label}'", ("scenario", "rows", "AUC"), lines)
            note(f"{scenarios['unseen_rows']} rows were of a scenario that '{label}' was not taught.")
        curve = ranker.get("reliability")
        if curve:
            figures = [(name.replace("_", " "), ranker[name]) for name in ("normalised_entropy", "brier")]
            figures.append(("calibration error", ranker["calibration_error"]))
            note(f"Ranker '{label}': " + ", ".join(f"{name} {value:.4f}" for name, value in figures) + ".")
            bins = list(zip(*(curve[name] for name in ("predicted", "observed", "low", "high", "rows")), strict=True))
            columns = ("predicted", "clicked", "95 % low", "95 % high", "rows")
            print_table(f"Do the probabilities of '{label}' come true", columns, bins)
    for label, why in report["pipeline"]["left_out"].items():
        note(f"Model '{label}' {why}.")


def print_importance(label: str, report: dict[str, Any], unit: str) -> None:
    """Columns of a ranker, those whose shuffling costs most first."""
    rows = [
        (c["name"], c["share"], c["loss"], c["low"], c["high"], c["shuffled"]) for c in report["columns"]
    ]  # fmt: skip
    title = f"Ranker '{label}': {unit} {report['value']:.4f}, and what it loses when a column is shuffled"
    print_table(title, ("column", "learned share", "lost", "95 % low", "95 % high", "shuffled"), rows)
    kind = "made-up lists of retrieved items" if report["made_up"] else "lists that were shown"
    note(
        f"{report['lists']} {kind} of {report['users']} users, {report['rows']} rows, "
        f"{report['shuffles']} shuffles per column, seed {report['seed']}."
    )


def print_what_if(report: dict[str, Any]) -> None:
    """What the lists are worth at each value of a weight, then who gets how much of the attention."""
    now, values = report["now"], report["values"]
    names = [f"{value:g}" + (" (now)" if value == now else "") for value in values]
    worth = zip(names, report["ndcg"], report["difference"], report["low"], report["high"], report["same"], strict=True)
    asked = f"{report['requests']} lists of {report['k']}"
    title = f"Weight of {report['column']} in '{report['stage']}': what {asked} are worth"
    print_table(title, ("weight", "ndcg", "from now", "95 % low", "95 % high", "list kept"), worth)
    rows = []
    for one in report["exposure"]:
        most = max(range(len(values)), key=lambda i: abs(one["change"][i]))
        moved = f"{one['change'][most]:+.3f} ({one['low'][most]:+.3f} to {one['high'][most]:+.3f}) at {values[most]:g}"
        rows.append((one["by"], one["label"], *[f"{share:.3f}" for share in one["share"]], moved))
    columns = ("by", "kind", *names, "largest change (95 %)")
    print_table("Share of the attention (a place counts 1 / log2(1 + place))", columns, rows)
    without = f", without {', '.join(report['skipped'])}" if report["skipped"] else ""
    note(f"Protocol {report['protocol']}{without}; changes are paired over requests, seed {report['seed']}.")


def what_if_charts(report: dict[str, Any], title: str) -> dict[str, str]:
    """One chart of what lists are worth, one per kind of exposure, by name."""
    from shortlist.evaluation.plots import COLOURS, lines_chart

    x, weight = report["values"], f"weight of {report['column']}"
    changed = {"NDCG, from now": list(zip(report["low"], report["high"], strict=True))}
    charts = {
        "whatif-ndcg": lines_chart(
            x, {"NDCG, from now": report["difference"]}, title=title, x_label=weight, mark=report["now"],
            y_label=f"change of NDCG@{report['k']}, 95 % over requests", intervals=changed,
        )
    }  # fmt: skip
    for by in dict.fromkeys(one["by"] for one in report["exposure"]):
        rows = [one for one in report["exposure"] if one["by"] == by][: len(COLOURS)]
        charts[f"whatif-{by}"] = lines_chart(
            x, {one["label"]: one["share"] for one in rows}, title=title, x_label=weight, mark=report["now"],
            y_label=f"share of the attention by {by}",
        )  # fmt: skip
    return charts


def save_charts(folder: Path, charts: Mapping[str, str]) -> None:
    """Write charts and say where."""
    from shortlist.evaluation.plots import save

    for path in save(folder, charts):
        note(f"Wrote {path}.")


def print_findings(title: str, report: dict[str, Any]) -> None:
    """What the doctor found, worst first."""
    findings = report["findings"]
    if not findings:
        note(f"{title}: nothing to report.")
        return
    rows = [(f["severity"], f["code"], f["count"], f["message"], f["hint"]) for f in findings]
    print_table(title, ("severity", "code", "count", "what", "what to do"), rows)
