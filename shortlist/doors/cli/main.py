"""The command `shortlist`: the table of nouns, and the one place that turns errors into exit codes.

Exit codes: 0 done, 1 our failure, 2 usage, 3 bad data, 4 a dependency is unavailable (trying again makes sense).
"""

from __future__ import annotations

import sys

import typer
from typer import Context
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
from shortlist.doors.cli import bundle, data, demo, doctor, evaluate, init, model, pipeline, recommend, serve, train

EXIT_CODES: tuple[tuple[type[ShortlistError], int], ...] = (
    (CallerError, 2),
    (OperatorError, 2),
    (DataError, 3),
    (StateError, 1),
    (DependencyError, 4),
)


ORDER = ("demo", "init", "doctor", "data", "model", "pipeline", "train", "eval", "recommend", "bundle", "serve")


class InOrder(TyperGroup):
    """Lists commands in the order of the loop, not of the alphabet."""

    def list_commands(self, ctx: Context) -> list[str]:
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
app.command("train")(train.train)
app.add_typer(evaluate.app, name="eval")
app.command("recommend")(recommend.recommend)
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


def main() -> None:
    """Run the command; a known error prints one or two lines and exits with its code, anything else is our failure."""
    try:
        app()
    except ShortlistError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
