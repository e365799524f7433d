"""What a command line on a page must be: a command with options that exist, a target of the Makefile, a route."""

import re
import shlex
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OTHERS = {"cd", "export", "git", "pip", "printf", "python", "python3"}


def problem(line):
    """What is wrong with one command, or ""."""
    words = shlex.split(line.split(" | ")[0], comments=True)
    words = words[[bool(re.fullmatch(r"[A-Z_]+=.*", word)) for word in words].index(False) :]
    program = Path(words[0]).name
    check = {"shortlist": _shortlist, "make": _make, "curl": _curl}.get(program)
    if check is None:
        return "" if program in OTHERS else f"unknown program {program}"
    return check(words[1:])


def _shortlist(words):
    command, path = _cli(), []
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]
        path.append(words.pop(0))
    if not path and words != ["--help"]:
        return f"no command {words[:1]}"
    if getattr(command, "commands", None) and words != ["--help"]:
        return f"'{' '.join(path)}' needs one of {sorted(command.commands)}"
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    wrong = [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known]
    return f"'{' '.join(path)}' has no option {wrong}" if wrong else ""


def _make(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    if words[0] not in targets:
        return f"no target {words[0]}"
    shown = next((word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")), "")
    return f"no such path {shown}" if shown.startswith("tests") and not (ROOT / shown).exists() else ""


def _curl(words):
    path, body, method = "", False, ""
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        if before == "-X":
            method = word
        elif before not in {"-H", "-d", "--data-urlencode"} and ":8000" in word:
            path = word.split(":8000", 1)[1].split("?")[0]
        body = body or word == "-d"
    method = method or ("POST" if body and "-sG" not in words else "GET")
    for template, methods in _routes().items():
        pattern = re.sub(r"\\\{[^/]*?\\\}", ".+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in methods:
            return ""
    return f"no route {method} {path}"


@cache
def _cli():
    import typer.main

    from shortlist.doors.cli.main import app

    return typer.main.get_command(app)


@cache
def _routes():
    from shortlist.app.service import Service
    from shortlist.doors.http.app import create_app

    paths = create_app(Service()).openapi()["paths"]
    return {**paths, "/openapi.json": {"get": {}}}
