"""Print the long tables of docs/results.md again, one after the other: `python -m benchmarks.tables`, or `make tables`.

    python -m benchmarks.tables                          every table that is not there yet (hours)
    python -m benchmarks.tables sequences-ml-1m funrec   these
    python -m benchmarks.tables --list                   names, hours and commands

`tables.toml` beside this file has the commands. Each writes to `NAME.part` in the folder and gets its name `NAME.txt`
when it has ended well, so that a table that is there is whole and is not made again; take the file away to make it
anew. Benches that can keep their fits do so in the same folder, and a stopped one goes on where it was. Ends with 1
when a table failed; the others are made all the same.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import clean_environment

FILE = Path(__file__).with_suffix(".toml")
FOLDER = Path("runs/tables")


@dataclass(frozen=True)
class Table:
    """A table of docs/results.md.

    Attributes:
        name: of its file.
        command: what prints it, as the page has it.
        hours: of one idle core, about.
        kept: option of the command that names a folder of finished fits; empty where it has none.
    """

    name: str
    command: str
    hours: float
    kept: str = ""

    def arguments(self, folder: Path) -> list[str]:
        """The command in this environment, with its fits kept in the folder."""
        program, *words = shlex.split(self.command)
        kept = [self.kept, str(folder / "fits" / self.name)] if self.kept else []
        return [str(Path(sys.executable).with_name(program)), *words, *kept]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tables that are not there."""
    tables = {table.name: table for table in read()}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables")
    parser.add_argument("names", nargs="*", metavar="NAME", help="tables; without any, all")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are written (%(default)s)")
    parser.add_argument("--list", action="store_true", help="names, hours and commands only")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in tables]:
        parser.error(f"no table is called {', '.join(unknown)}; --list says which there are")
    wanted = [tables[name] for name in chosen.names or tables]
    if chosen.list:
        for table in wanted:
            print(f"{table.name:32}{table.hours:4} h   {table.command}")
        return 0
    failed = [table.name for table in wanted if not made(table, chosen.folder)]
    if failed:
        print(f"Failed: {', '.join(failed)}. The .part files say how far they came.", file=sys.stderr)
    return 1 if failed else 0


def read(file: Path = FILE) -> list[Table]:
    """All tables, in their order."""
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text())["table"]
    return [Table(**row) for row in rows]


def made(table: Table, folder: Path) -> bool:
    """Whether the table is there, after its command has been run if it was not."""
    whole, part = folder / f"{table.name}.txt", folder / f"{table.name}.part"
    if whole.exists():
        print(f"{table.name}: there already", file=sys.stderr)
        return True
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{table.name}: about {table.hours} hours of one core", file=sys.stderr)
    began = time.monotonic()
    with part.open("w") as out:
        out.write(f"$ {table.command}\n")
        out.flush()
        code = subprocess.run(table.arguments(folder), stdout=out, env=clean_environment(), check=False).returncode
    if code == 0:
        os.replace(part, whole)
    print(f"{table.name}: {'made' if code == 0 else 'failed'} in {(time.monotonic() - began) / 60:.0f} minutes",
          file=sys.stderr)  # fmt: skip
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
