"""The shell sessions of the README, against the real command."""

import json
import time
import urllib.error
import urllib.request

import pytest

from shortlist.doors.cli.train import chosen_pipelines
from shortlist.jobs.train import SURFACES


def test_a_shop_from_log_to_list(shell, shop_csv):
    """init, doctor, train, bundle, recommend: what a new user types, in order."""
    shell.run("init", ".")
    assert {path.stem for path in (shell.folder / "pipelines").iterdir()} == set(SURFACES)
    report = shell.json("doctor", "--data", shop_csv)
    assert not [f for f in report["findings"] if f["severity"] == "error"]
    trained = shell.json("train", "--data", shop_csv)
    assert trained["bundle"]
    listed = shell.json("bundle", "list")["rows"]
    assert [row["id"] for row in listed if row["current"]] == [trained["bundle"]]
    shell.run("bundle", "verify", trained["bundle"])
    answer = shell.json("recommend", "--user", "u3", "-k", "5")
    assert len(answer["items"]) == 5
    assert not answer["cold_start"]
    assert all(item["reasons"] for item in answer["items"])
    stranger = shell.json("recommend", "--user", "nobody-yet", "-k", "5")
    assert stranger["cold_start"]
    assert len(stranger["items"]) == 5


def test_the_long_pipeline_comes_when_it_is_named(shell, shop_csv, monkeypatch, capsys):
    shell.run("init", ".", "--pipelines", "home,two-stage")
    (shell.folder / "pipelines" / "mine.toml").write_text('name = "mine"\n')
    monkeypatch.chdir(shell.folder)
    assert [path.stem for path in chosen_pipelines("")] == ["home", "mine"]
    assert "--pipelines pipelines/two-stage.toml" in " ".join(capsys.readouterr().err.split())
    _, err = shell.run("init", "other", "--pipelines", "two-stages", code=2)
    assert "Did you mean 'two-stage'" in err
    trained = shell.json("train", "--data", shop_csv, "--pipelines", "home,pipelines/two-stage.toml")
    assert {"home", "two-stage"} <= set(shell.json("bundle", "show", trained["bundle"])["pipelines"])


def test_a_second_bundle_can_be_rolled_back(shell, shop_csv):
    first = shell.json("train", "--data", shop_csv, "--seed", "1")["bundle"]
    second = shell.json("train", "--data", shop_csv, "--seed", "2")["bundle"]
    assert first != second
    _, err = shell.run("bundle", "rollback")
    assert first in err
    shell.run("bundle", "promote", second)
    current = [row["id"] for row in shell.json("bundle", "list")["rows"] if row["current"]]
    assert current == [second]


def test_leaderboard_prints_the_baselines_and_json_alone(shell, shop_csv):
    out, _ = shell.run("eval", "leaderboard", "--data", shop_csv, "--models", "markov", "--k", "5", "--json")
    board = json.loads(out)
    assert {"random", "popularity", "item_knn", "markov"} <= {row["model"] for row in board["rows"]}
    assert {"protocol", "data", "fingerprint", "k", "strict"} <= board.keys()
    for row in board["rows"]:
        assert 0 <= row["metrics"]["recall@5"] <= 1
        low, high = row["interval"]["recall@5"]
        assert low <= row["metrics"]["recall@5"] <= high


def test_the_demo_serves_what_it_trained_and_adapts(shell, shop_csv):
    process = shell.start("demo", "--data", shop_csv, "--port", "0")
    try:
        port = _port(process)
        ready = _get(port, "/health/ready")
        assert ready["status"] == "ready"
        asked = {"user_id": "u3", "k": 5, "surface": "home"}
        before = _post(port, "/v1/recommend", asked)
        clicked = before["items"][0]["item_id"]
        event = {"event": "interaction", "event_id": "e1", "user_id": "u3", "item_id": clicked, "type": "click"}
        assert _post(port, "/v1/events", event)["accepted"] == 1
        assert _post(port, "/v1/events", event)["duplicates"] == 1
        after = _post(port, "/v1/recommend", asked)
        assert clicked not in [item["item_id"] for item in after["items"]]
        console = urllib.request.urlopen(f"http://127.0.0.1:{port}/console/", timeout=10).read().decode()
        assert "Shortlist" in console
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("data", "load", "ml-100kk"), 2, "Did you mean"),
        (("eval", "leaderboard", "--data", "newsroom", "--models", "trial"), 2, "Did you mean 'trails'"),
        (("eval", "leaderboard", "--data", "newsroom", "--protocol", "leave-last-oot"), 2, "leave-last-out"),
        (("recommend", "-k", "0"), 2, "greater than or equal to 1"),
        (("serve",), 1, "bundle"),
        (("train", "--data", "missing.csv"), 3, "missing.csv"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_mistakes_are_named_with_what_to_do(shell, args, code, says):
    _, err = shell.run(*args, code=code)
    assert says in err


def test_a_broken_row_is_named_by_file_and_line(shell):
    (shell.folder / "bad.csv").write_text("user_id,item_id,timestamp\nu1,i1,100\nu2,i2,yesterday\n")
    _, err = shell.run("train", "--data", "bad.csv", code=3)
    assert "bad.csv" in err
    assert "3" in err
    assert "timestamp" in err
    assert not (shell.folder / ".shortlist").exists(), "nothing is written for data that cannot be read"


def test_a_text_file_needs_no_server(shell):
    lines = [
        "rocket launch sends a crew to orbit",
        "telescope finds a comet near the moon",
        "striker scores a late goal in the derby",
        "crew of the rocket returns from orbit",
        "goal keeper saves a penalty in the derby",
    ]
    (shell.folder / "articles.txt").write_text("\n".join(lines))
    found = shell.json("recommend", "articles.txt", "--history", "0,1", "-k", "2", "--half-life", "3")
    assert found["items"][0]["line"] == 3
    assert not found["cold_start"]
    assert shell.json("recommend", "articles.txt", "-k", "2")["cold_start"]
    _, err = shell.run("recommend", "articles.txt", "--history", "9", code=2)
    assert "9" in err


def _port(process):
    """The port the demo says it serves on, once it is ready."""
    for line in process.stderr:
        if "http://127.0.0.1:" in line:
            port = int(line.split("http://127.0.0.1:")[1].split("/")[0])
            break
    else:
        raise AssertionError("the demo ended without serving")
    for _ in range(300):
        try:
            _get(port, "/health/ready")
            return port
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the server never became ready")


def _get(port, path):
    return json.loads(urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read())


def _post(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return json.loads(urllib.request.urlopen(request, timeout=10).read())
