"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
Data = Annotated[str, typer.Option("--data", help="Name of a known data set, or a file or folder.")]
DataArgument = Annotated[str, typer.Argument(help="Name of a known data set, or a file or folder.")]
K = Annotated[int, typer.Option("-k", "--k", min=1, max=500, help="List length.")]
Seed = Annotated[int, typer.Option("--seed", help="Source of all randomness.")]
Home = Annotated[
    Path | None, typer.Option("--home", help="Folder of bundles, runs and events (default: setting `home`).")
]
