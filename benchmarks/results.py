"""What runs found, kept as small JSON files: one a run, `benchmarks/results/<UTC time>.json`, committed.

A run may hold some benches only, and one that was stopped holds the pairs that were done; of each pair the newest
figure counts, and one that failed last counts as failed. Take out the files of pairs that are no more. Quick runs are
written below `results/local/` and never count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

FOLDER = Path(__file__).parent / "results"


@dataclass
class Run:
    """A run that is under way; the file is written anew after each pair.

    Attributes:
        quick: whether sizes were small.
        folder: where results are kept.
        benches: by bench, its pairs as `pair.run` reports them, with "failed" where there is no report.
    """

    quick: bool = False
    folder: Path = FOLDER
    benches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=machine)

    @property
    def file(self) -> Path:
        """Where the run is written."""
        name = self.machine["date"].split("+")[0].replace(":", "-") + ".json"
        return self.folder / "local" / f"quick-{name}" if self.quick else self.folder / name

    def keep(self, bench: str, pair: dict[str, Any]) -> None:
        """Keep what a pair found."""
        self.benches.setdefault(bench, []).append(pair)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": self.machine, "quick": self.quick, "benches": self.benches}
        self.file.write_text(json.dumps(content, indent=1) + "\n")


def newest(folder: Path = FOLDER) -> dict[str, list[dict[str, Any]]]:
    """By bench, the newest report of each pair in full runs, with the machine and the date under "machine"."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.json")):
        run = json.loads(file.read_text())
        if not run["quick"]:
            for bench, pairs in run["benches"].items():
                mine = out.setdefault(bench, {})
                mine.pop(bench, None)  # what kept the whole bench from running
                mine.update({pair["name"]: {**pair, "machine": run["machine"]} for pair in pairs})
    return {bench: list(pairs.values()) for bench, pairs in sorted(out.items())}
