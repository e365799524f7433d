"""Terminals, pipes and disks as they are: closed, full, narrow, without Unicode, without room."""

import json
import signal
import socket
import subprocess
import sys

import pytest


def command(shell, *args, **options):
    """The command in the shell's folder, with its streams as `options` say; bytes out."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "shortlist.doors.cli.main", *args], cwd=shell.folder, env=shell.env, **options
    )


def test_a_terminal_without_unicode_gets_question_marks(shell):
    (shell.folder / "articles.txt").write_text("caf\xe9 “quoted” \U0001f600 news\nanother line of news\n", "utf-8")
    shell.env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    out, err = shell.run("recommend", "articles.txt", "-k", "2")
    assert "caf?" in out
    assert out.isascii()
    assert err.isascii()
    assert json.loads(shell.run("recommend", "articles.txt", "-k", "2", "--json")[0])["items"][0]["text"]


@pytest.mark.parametrize("args", [("model", "list"), ("model", "list", "--json"), ("--help",)])
def test_a_reader_that_went_away_is_no_failure(shell, args):
    with command(shell, *args) as process:
        process.stdout.close()
        err = process.stderr.read().decode()
    assert (process.returncode, err) == (0, "")


def test_output_that_nobody_asked_for_is_no_failure(shell):
    """`>&-` closes standard output before the command starts."""
    line = f'"{sys.executable}" -m shortlist.doors.cli.main model list --json >&-'
    done = subprocess.run(["sh", "-c", line], cwd=shell.folder, env=shell.env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("args", [("model", "list"), ("model", "list", "--json")])
def test_a_full_disk_is_named(shell, args):
    with open("/dev/full", "wb") as full, command(shell, *args, stdout=full) as process:
        err = process.stderr.read().decode()
    assert process.returncode == 4
    assert "Traceback" not in err
    assert "No space left" in err


def test_a_folder_that_cannot_be_written_is_named(shell):
    (shell.folder / "in-the-way").write_text("")
    for args in (("init", "in-the-way/shop"), ("train", "--data", "newsroom", "--home", "in-the-way/home")):
        _, err = shell.run(*args, code=4)
        assert "in-the-way" in err
        assert len(err.strip().splitlines()) == 2


def test_notes_in_a_file_have_no_blank_lines_or_bars(shell):
    _, err = shell.run("data", "load", "newsroom")
    assert err == ""
    _, err = shell.run("data", "load", "newsrooom", code=2)
    assert err.startswith("Error: ")


def test_ctrl_c_ends_quietly_and_leaves_nothing_half_written(shell):
    shell.run("data", "load", "newsroom")
    process = command(shell, "train", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    bundles = shell.folder / ".shortlist" / "bundles"
    assert not [path for path in bundles.glob("*") if path.is_dir()]


def test_every_reporting_command_prints_json_alone(shell, shop_csv):
    made = shell.json("train", "--data", shop_csv, "--seed", "1")["bundle"]
    second = shell.json("train", "--data", shop_csv, "--seed", "2")["bundle"]
    assert shell.json("bundle", "show", made)["id"] == made
    assert shell.json("bundle", "verify", made) == {"bundle": made, "whole": True}
    assert shell.json("bundle", "rollback") == {"current": made}
    assert shell.json("bundle", "promote", second) == {"current": second}
    for row in shell.json("bundle", "list")["rows"]:
        assert isinstance(row["created_at"], float)
    checked = shell.json("pipeline", "check", "home", "--data", shop_csv)
    assert {"name", "data", "stages", "left_out"} <= checked.keys()
    demo = shell.json("demo", "--data", shop_csv, "--no-serve")
    assert {"data", "findings", "leaderboard", "report", "bundle"} <= demo.keys()
    assert demo["leaderboard"]["rows"][0]["model"] == "random"


def test_times_are_printed_as_dates(shell, shop_csv):
    shell.run("train", "--data", shop_csv)
    out, _ = shell.run("bundle", "list")
    assert " UTC" in out
    out, err = shell.run("bundle", "list", "--home", "elsewhere")
    assert "No bundle" in out + err


def test_a_broken_settings_file_is_named(shell):
    (shell.folder / "shortlist.toml").write_text("home = [")
    _, err = shell.run("bundle", "list", code=2)
    assert "shortlist.toml" in err


def test_an_address_that_cannot_be_served_is_refused_before_any_work(shell):
    """Minutes of training must not end in 'address already in use'; nothing is read or written before."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for args in (("demo", "--port", port), ("serve", "--port", port)):
            _, err = shell.run(*args, code=4)
            assert f"{port}" in err
            assert "--port" in err
    _, err = shell.run("demo", "--host", "0.0.0.0", code=2)
    assert "SHORTLIST_SERVING__API_KEY" in err
    assert "Console" not in err
    shell.env["SHORTLIST_SERVING__API_KEY"] = "secret"
    _, err = shell.run("serve", "--host", "no.such.host.invalid", code=4)
    assert "no.such.host.invalid" in err
    assert not (shell.folder / ".shortlist").exists()
