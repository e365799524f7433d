"""Every command that reports: what it prints for people and for scripts."""

import json
from pathlib import Path

import pytest


def test_models_are_listed_and_explained(shell):
    rows = shell.json("model", "list")["rows"]
    assert set(rows[0]) == {"name", "kind", "extra", "about"}
    assert {"trails", "ease", "als", "logistic", "gbdt"} <= {row["name"] for row in rows}
    shown = shell.json("model", "show", "trails")
    assert {"window", "beta"} <= {setting["name"] for setting in shown["config"]}
    assert all(setting["about"] for setting in shown["config"])
    out, _ = shell.run("model", "show", "trails")
    assert "window" in out
    _, err = shell.run("model", "show", "trial", code=2)
    assert "trails" in err


def test_data_sets_are_listed_read_checked_and_split(shell, shop_csv):
    rows = {row["name"]: row for row in shell.json("data", "list")["rows"]}
    assert rows["newsroom"]["here"] is True
    facts = shell.json("data", "load", shop_csv)
    assert (facts["users"], facts["interactions"], facts["impressions"]) == (60, 600, 0)
    assert "findings" in shell.json("data", "check", shop_csv)
    parts = shell.json("data", "split", shop_csv, "--protocol", "leave-last-out")
    assert parts["protocol"] == "leave-last-out"
    out, _ = shell.run("data", "load", shop_csv)
    assert "fingerprint" in out


def test_the_installation_is_checked(shell, monkeypatch):
    report = shell.json("doctor")
    assert report["ok"]
    assert {"python", "shortlist", "home folder", "address"} <= {row["check"] for row in report["checks"]}
    shell.env["SHORTLIST_SERVING__HOST"] = "0.0.0.0"
    out, _ = shell.run("doctor", code=1)
    assert "API_KEY" in out
    shell.env["SHORTLIST_SERVING__PORT"] = "many"
    _, err = shell.run("doctor", code=2)
    assert "serving.port" in err


def test_pipelines_are_shown_and_checked(shell, shop_csv):
    spec = shell.json("pipeline", "show", "home")
    assert len(spec["hash"]) == 12
    built = shell.json("pipeline", "show", "home", "--data", shop_csv)
    assert built["hash"] == spec["hash"]
    names = {row["name"] for row in built["stages"]}
    assert "trails" in names
    left_out = [row for row in built["stages"] if row["left_out"]]
    assert left_out, "a log without text leaves the content stages out, and says so"
    assert shell.json("pipeline", "check", "home", "--data", shop_csv)["stages"] > 5
    (shell.folder / "bad.toml").write_text('name = "bad"\n[[source]]\nuse = "populr"\n')
    _, err = shell.run("pipeline", "check", "bad.toml", "--data", shop_csv, code=2)
    assert "Did you mean 'popular'" in err


def test_models_are_compared_user_by_user(shell, shop_csv):
    found = shell.json("eval", "compare", "popularity", "markov", "--data", shop_csv, "-k", "5")
    row = found["metrics"]["ndcg@5"]
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["wins"] + row["ties"] + row["losses"] == found["requests"]
    board = shell.json("eval", "run", "markov", "--data", shop_csv, "-k", "5")
    assert {"random", "popularity", "item_knn", "markov"} == {row["model"] for row in board["rows"]}


def test_a_whole_pipeline_is_replayed(shell, shop_csv):
    report = shell.json("eval", "backtest", "home", "--data", shop_csv, "-k", "5")
    assert report["protocol"] == "leave-last-out"
    assert report["full"]["metrics"].keys() == report["candidates"]["metrics"].keys()
    out, err = shell.run("eval", "backtest", "home", "--data", shop_csv, "-k", "5")
    assert "full pipeline" in out
    assert "better for" in err


def test_charts_are_drawn_where_asked(shell):
    out, err = shell.run("eval", "backtest", "home", "--data", "newsroom", "--plots", "charts")
    assert "come true" in out
    assert "Brier" in err or "brier" in err
    assert (shell.folder / "charts/reliability.svg").read_text().startswith("<svg")
    out, err = shell.run("eval", "importance", "home", "--data", "newsroom", "--shuffles", "2", "--plots", "charts")
    assert "learned share" in out
    assert "2 shuffles per" in err
    assert "AUC within a list" in (shell.folder / "charts/importance-ranker.svg").read_text()
    _, err = shell.run("eval", "importance", "session", code=2)
    assert "has no ranker here" in err


def test_a_weight_is_moved_and_who_is_shown_moves_with_it(shell, shop_csv):
    ask = ("eval", "whatif", "home", "--data", shop_csv, "--weight", "item_events", "-k", "5")
    report = shell.json(*ask, "--values", "0,5")
    assert report["values"] == [0.0, 0.01, 5.0]
    assert {one["by"] for one in report["exposure"]} >= {"head"}
    out, err = shell.run(*ask, "--values", "5", "--by", "head", "--plots", "charts")
    assert "0.01 (now)" in out
    assert "paired over requests" in err
    assert "share of the attention by head" in (shell.folder / "charts/whatif-head.svg").read_text()
    _, err = shell.run(*ask, "--values", "much", code=2)
    assert "numbers separated by commas" in err


def test_a_bundle_is_shown(shell, shop_csv):
    made = shell.json("train", "--data", shop_csv)
    manifest = json.loads(shell.run("bundle", "show", made["bundle"])[0])
    assert manifest["data"]["name"] == "events"
    assert {"home", "similar", "session"} == set(manifest["pipelines"])
    _, err = shell.run("bundle", "show", "../../etc/passwd", code=2)
    assert "not a bundle id" in err or "bundle" in err


def test_lists_of_all_users_are_written_to_a_file(shell, shop_csv):
    found = shell.json("batch", "recommend", "--model", "item_knn", "--data", shop_csv, "--out", "lists.csv", "-k", 3)
    lines = (shell.folder / "lists.csv").read_text().splitlines()
    assert lines[0] == "user_id,item_id,score,rank"
    assert found["rows"] == len(lines) - 1 == 3 * found["users"]
    assert found["users_per_second"] > 0
    (shell.folder / "users.txt").write_text("nobody\n")
    some = ("batch", "recommend", "--model", "item_knn", "--data", shop_csv, "--users", "users.txt")
    _, err = shell.run(*some, "--out", "some.jsonl", "-k", 2)
    assert "Wrote 2 rows for 1 users" in err
    assert "1 users are new" in err
    assert "users a second" in err
    _, err = shell.run(*some, "--out", "some.txt", code=2)
    assert ".parquet" in err
    _, err = shell.run("batch", "recommend", "--out", "lists.csv", code=1)
    assert "shortlist train" in err
    _, err = shell.run("batch", "recommend", "--model", "als", "--out", "lists.csv", code=2)
    assert "go together" in err


@pytest.mark.parametrize("args", [("--help",), ("eval", "--help"), ("eval", "leaderboard", "--help")])
def test_help_says_what_to_type(shell, args):
    out, _ = shell.run(*args)
    assert "Usage" in out
    if args == ("--help",):
        order = [out.index(f"\n  {name} ") for name in ("demo", "init", "doctor", "data", "train", "eval", "serve")]
        assert order == sorted(order), "commands stand in the order of the loop"


def test_features_are_listed_shown_asked_and_kept(shell):
    kinds = {row["kind"] for row in shell.json("features", "list")["rows"]}
    assert {"count", "rate", "share", "session", "time"} <= kinds
    (shell.folder / "mine.toml").write_text(
        '[[feature]]\nname = "ctr_7d"\nkind = "rate"\nwindow = "7d"\n\n[[feature]]\nname = "hour"\nkind = "time"\n'
    )
    rows = shell.json("features", "list", "--pipeline", "mine.toml")["rows"]
    assert [(row["name"], row["owner"]) for row in rows] == [("ctr_7d", "item"), ("hour", "context")]
    shown = shell.json("features", "show", "ctr_7d", "--pipeline", "mine.toml")
    assert shown["settings"]["prior_strength"] == 20.0
    assert {row["grain_s"] for row in shown["reads"]} == {21_600.0}
    ask = ("features", "get", "ctr_7d", "--pipeline", "mine.toml", "--user", "U1", "--item", "N1", "--item", "N2")
    assert len(shell.json(*ask)["values"]["ctr_7d"]) == 2
    (shell.folder / "p.toml").write_text(
        'name = "p"\n[[feature]]\nname = "hour"\nkind = "time"\n[[source]]\nuse = "popular"\n'
        '[[hydrator]]\nuse = "features"\n[[scorer]]\nuse = "first_score"\ncolumns = ["score.popular"]\n'
    )
    out, _ = shell.run("pipeline", "show", "p.toml")
    assert "hour" in out
    built = shell.json("pipeline", "show", "p.toml", "--data", "newsroom")["stages"]
    assert ["hour"] in [row["provides"] for row in built]
    filled = shell.json("features", "fill", "--pipeline", "mine.toml", "--store", "sqlite:f.db")
    assert filled["values"] > 100
    out, _ = shell.run("features", "show", "ctr_7d", "--pipeline", "mine.toml")
    assert "prior_strength" in out
    _, err = shell.run("features", "show", "ctr", "--pipeline", "mine.toml", code=2)
    assert "ctr_7d" in err


def test_feast_repos_are_listed_and_asked(shell):
    pytest.importorskip("yaml", reason="needs the extra 'feast'")
    repo = str(Path(__file__).parents[1] / "features/feast/repo")
    told = shell.json("features", "feast", repo)
    assert {(row["view"], row["feature"], row["type"]) for row in told["rows"]} >= {("item_stats", "ctr", "double")}
    assert told["services"]["ranking"][0] == "user_stats:clicks_7d"
    out, err = shell.run("features", "feast", repo)
    assert "user_stats" in out
    assert "left out: lateness" in out + err
    ask = ("features", "feast", repo, "user_stats:clicks_7d", "--key", "user_id=u2")
    assert shell.json(*ask) == {"values": {"clicks_7d": None}, "statuses": {"clicks_7d": "OUTSIDE_MAX_AGE"}}
    then = shell.json(*ask, "--at", "1749110000")
    assert then == {"values": {"clicks_7d": 2}, "statuses": {"clicks_7d": "PRESENT"}}
    out, _ = shell.run(*ask, "--at", "1749110000")
    assert "PRESENT" in out
    _, err = shell.run("features", "feast", repo, "user_stats:click", code=2)
    assert "clicks_7d" in err
    _, err = shell.run("features", "feast", repo, "user_stats:clicks_7d", "--key", "u2", code=2)
    assert "--key user_id=u1" in err


@pytest.mark.real_data("criteo-sample")
def test_labelled_rows_are_described(shell):
    told = shell.json("data", "load", "criteo-sample")
    assert told["rows"] == 1999
    assert told["missing"]["I12"] == 1554
    out, _ = shell.run("data", "load", "criteo-sample")
    assert "I12 1554" in out
    listed = {row["name"]: row["here"] for row in shell.json("data", "list")["rows"]}
    assert listed["criteo-sample"]
    assert not listed["avazu"]
