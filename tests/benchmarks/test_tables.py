import argparse
import importlib
import os
import sys
from pathlib import Path

import pytest

from benchmarks import tables

TABLES = tables.read()
PAGE = " ".join(Path("docs/results.md").read_text().split())


def write(folder, lines):
    file = folder / "tables.toml"
    file.write_text(lines)
    return tables.read(file)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_has_the_command_of_every_table(table):
    assert f"`{table.command}`" in PAGE


@pytest.mark.parametrize("table", [t for t in TABLES if t.command.startswith("python")], ids=lambda table: table.name)
def test_the_bench_takes_what_its_table_gives_it(table, monkeypatch, tmp_path):
    class Understood(Exception):
        pass

    real = argparse.ArgumentParser.parse_args

    def parse_args(self, *given):
        real(self, *given)
        raise Understood

    _, dash, module, *words = table.arguments(tmp_path)
    assert dash == "-m"
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr(sys, "argv", [module, *words])
    with pytest.raises(Understood):
        importlib.import_module(module).main()


def test_a_table_gets_its_name_when_it_is_whole_and_is_not_made_again(tmp_path, capsys):
    (good, bad) = write(
        tmp_path,
        "[[table]]\nname = 'good'\nhours = 0.1\ncommand = \"python -c 'print(6 * 7)'\"\n"
        "[[table]]\nname = 'bad'\nhours = 0.1\ncommand = \"python -c 'print(1); raise SystemExit(3)'\"\n",
    )
    folder = tmp_path / "out"
    assert tables.made(good, folder)
    assert (folder / "good.txt").read_text() == f"$ {good.command}\n42\n"
    assert not tables.made(bad, folder)
    assert sorted(os.listdir(folder)) == ["bad.part", "good.txt"]
    assert tables.made(good, folder)
    assert "good: there already" in capsys.readouterr().err


def test_one_that_fails_does_not_keep_the_others_from_being_made(tmp_path, monkeypatch, capsys):
    both = write(
        tmp_path,
        "[[table]]\nname = 'bad'\nhours = 0.1\ncommand = \"python -c 'raise SystemExit(3)'\"\n"
        "[[table]]\nname = 'good'\nhours = 0.1\ncommand = \"python -c 'print(1)'\"\n",
    )
    monkeypatch.setattr(tables, "read", lambda: both)
    assert tables.main(["--folder", str(tmp_path / "out")]) == 1
    assert "Failed: bad." in capsys.readouterr().err
    assert (tmp_path / "out" / "good.txt").exists()


def test_fits_are_kept_where_the_bench_can_keep_them(tmp_path):
    (table,) = write(
        tmp_path,
        "[[table]]\nname = 'long'\nhours = 2.5\nkept = '--keep'\ncommand = 'python -m benchmarks.funrec --seeds 0'\n",
    )
    assert table.arguments(tmp_path)[1:] == [
        "-m", "benchmarks.funrec", "--seeds", "0", "--keep", str(tmp_path / "fits" / "long"),
    ]  # fmt: skip


def test_an_unknown_name_is_refused_and_the_list_says_what_there_is(capsys):
    with pytest.raises(SystemExit):
        tables.main(["nonesuch"])
    assert "no table is called nonesuch; --list says which there are" in capsys.readouterr().err
    assert tables.main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(table.name in shown and table.command in shown for table in TABLES)
