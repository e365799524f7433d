"""`shortlist doctor`: is this machine, this folder and this data fit for use."""

from __future__ import annotations

from typing import Annotated

import typer

from shortlist.doors.cli.options import Json
from shortlist.doors.cli.output import print_json, print_table, progress
from shortlist.doors.cli.reports import print_findings


def doctor(
    data: Annotated[str | None, typer.Option("--data", help="Also check this data set.")] = None,
    as_json: Json = False,
) -> None:
    """Check the installation and the settings or, with --data, a data set."""
    if data is not None:
        examine_data(data, as_json)
        return
    from shortlist.app.checkup import checkup

    rows = checkup()
    fine = all(row["ok"] for row in rows)
    if as_json:
        print_json({"checks": rows, "ok": fine})
    else:
        listed = [(row["check"], "ok" if row["ok"] else "problem", row["found"], row["hint"]) for row in rows]
        print_table("Check-up", ("check", "state", "found", "what to do"), listed)
    if not fine:
        raise typer.Exit(1)


def examine_data(name: str, as_json: bool) -> None:
    """Print the findings of the data doctor; exit code 3 when one of them makes the data unusable."""
    from shortlist.data.catalog import load
    from shortlist.data.doctor import examine

    with progress(f"Examining {name}", quiet=as_json):
        report = examine(load(name))
    if as_json:
        print_json(report.to_dict())
    else:
        print_findings(f"Findings in {name}", report.to_dict())
    if not report.ok:
        raise typer.Exit(3)
