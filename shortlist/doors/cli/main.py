"""The command `shortlist`: the table of nouns, and the one place that turns errors into exit codes.

Exit codes: 0 done, 1 our failure, 2 usage, 3 bad data, 4 a dependency is unavailable (trying again makes sense).
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from shortlist._version import __version__
from shortlist.core.errors import (
    CallerError,
    DataError,
    DependencyError,
    OperatorError,
    ShortlistError,
    StateError,
)
from shortlist.doors.cli import (
    batch,
    bundle,
    data,
    demo,
    doctor,
    evaluate,
    features,
    init,
    model,
    pipeline,
    recommend,
    serve,
    train,
    tune,
)

EXIT_CODES: tuple[tuple[type[ShortlistError], int], ...] = (
    (CallerError, 2),
    (OperatorError, 2),
    (DataError, 3),
    (StateError, 1),
    (DependencyError, 4),
)


ORDER = (
    "demo",
    "init",
    "doctor",
    "data",
    "model",
    "pipeline",
    "features",
    "train",
    "tune",
    "eval",
    "recommend",
    "batch",
    "bundle",
    "serve",
)


class InOrder(TyperGroup):
    """Lists commands in the order of the loop, not of the alphabet."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names as help prints them."""
        return sorted(super().list_commands(ctx), key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="shortlist",
    cls=InOrder,
    help="From event log to served, measured, improving recommendations.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(model.app, name="model")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(features.app, name="features")
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.add_typer(evaluate.app, name="eval")
app.command("recommend")(recommend.recommend)
app.add_typer(batch.app, name="batch")
app.add_typer(bundle.app, name="bundle")
app.command("serve")(serve.serve)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """From event log to served, measured, improving recommendations."""


def pin_linear_algebra() -> None:
    """Keep the linear algebra library to one thread unless the environment says otherwise; call before numpy loads.

    Our kernels bring their own threads and requests run side by side; a library that starts two more for every small
    product halves the lists a server answers.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def main() -> None:
    """Run the command; a known error prints one or two lines and exits with its code, anything else is our failure."""
    pin_linear_algebra()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # titles come from data; a terminal may lack their letters
            stream.reconfigure(errors="replace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except SystemExit:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # what the command line library leaves of a broken pipe
            sys.exit(0)
        raise
    except ShortlistError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        _drop_output()
        sys.exit(0)
    except OSError as error:  # no room, no permission, a folder that is a file
        _drop_output()
        where = "" if error.filename is None else f": {error.filename}"
        print(f"Error: {error.strerror or error}{where}", file=sys.stderr)
        print("  Check that the place exists, that you may write there, and that the disk has room.", file=sys.stderr)
        sys.exit(4)


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the end of the process does not try again."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
