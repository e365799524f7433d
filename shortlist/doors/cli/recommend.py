"""`shortlist recommend`: one list, from the current bundle or straight from a text file of articles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.core.errors import BadRequest
from shortlist.doors.cli.options import Home, Json
from shortlist.doors.cli.output import note, print_json, print_table

Articles = Annotated[Path | None, typer.Argument(help="Text file, one article a line; leave out to ask the bundle.")]
User = Annotated[str | None, typer.Option("--user", help="User to recommend to, from the current bundle.")]
Surface = Annotated[str, typer.Option("--surface", help="Named place in the product.")]
History = Annotated[str, typer.Option("--history", help="Line numbers read, oldest first: 0,1 (articles only).")]
K = Annotated[int, typer.Option("-k", "--k", min=1, max=500, help="List length.")]
HalfLife = Annotated[float, typer.Option("--half-life", min=0.001, help="Reads after which a read counts half.")]


def recommend(
    articles: Articles = None,
    user: User = None,
    surface: Surface = "home",
    history: History = "",
    k: K = 5,
    half_life: HalfLife = 3.0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Recommend to a user from the current bundle, or articles of a text file to a reader of some of them."""
    if articles is not None:
        from_articles(articles, history, k, half_life, as_json)
    elif user is not None:
        from_bundle(user, surface, k, home, as_json)
    else:
        raise BadRequest("Nothing to recommend from.", hint="Give a text file of articles, or --user ID.", field="user")


def from_articles(path: Path, history: str, k: int, half_life: float, as_json: bool) -> None:
    """Content-based list over the lines of a file."""
    from shortlist.jobs.articles import read_lines, recommend_lines

    lines = read_lines(path)
    try:
        read = [int(part) for part in history.split(",") if part.strip()]
    except ValueError:
        hint = "Write line numbers separated by commas: --history 0,1"
        raise BadRequest(f"'{history}' is not a list of line numbers.", hint=hint, field="history") from None
    found = recommend_lines(lines, read, k=k, half_life=half_life)
    if as_json:
        print_json(found)
        return
    if found["cold_start"]:
        note("No history: showing the most representative articles.")
    rows = [(f"{row['score']:.3f}", row["line"], row["text"]) for row in found["items"]]
    print_table(f"{len(lines)} articles, history {read or 'empty'}", ("score", "line", "article"), rows)


def from_bundle(user: str, surface: str, k: int, home: Path | None, as_json: bool) -> None:
    """The answer the server would give, without the server."""
    from shortlist.app.questions import Question
    from shortlist.app.recommend import recommend as answer
    from shortlist.doors.cli.serve import open_service, settings_for

    service = open_service(settings_for(None, None, home))
    try:
        slate = answer(service, Question(user_id=user, surface=surface, k=k, explain=True))
    finally:
        service.close()
    if as_json:
        print_json(slate.to_dict())
        return
    if slate.cold_start:
        note("This user is new: the list is what newcomers get.")
    rows = [
        (pick.position, pick.item_id, str((pick.fields or {}).get("title", "")), pick.score, _said(pick.reasons))
        for pick in slate.items
    ]
    title = f"{user} on {surface}, bundle {slate.bundle}"
    print_table(title, ("#", "item", "title", "score", "reasons"), rows)


def _said(reasons: Any) -> str:
    return "; ".join(reason.text for reason in reasons or ())
