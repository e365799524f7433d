"""Every route once, as a caller sees it, compared with the shapes that /openapi.json promises."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from shortlist.doors.http import shapes
from shortlist.doors.http.shapes import Problem


def good(answer, shape):
    assert answer.status_code == 200, answer.text
    TypeAdapter(shape).validate_python(answer.json())
    return answer.json()


def test_ready(client):
    told = good(client.get("/health/ready"), shapes.ReadyOut)
    assert told == {
        "status": "ready",
        "bundle": "b1",
        "items": 30,
        "users": 12,
        "surfaces": ["home", "similar"],
        "ranker": None,
    }
    assert good(client.get("/health/live"), shapes.LiveOut)["status"] == "live"


def test_recommend_posts_and_gets_the_same_list(client):
    posted = good(client.post("/v1/recommend", json={"user_id": "U0", "k": 5}), shapes.SlateOut)
    got = good(client.get("/v1/recommend/U0?surface=home&k=5"), shapes.SlateOut)
    assert [one["item_id"] for one in posted["items"]] == [one["item_id"] for one in got["items"]]
    assert posted["request_id"] != got["request_id"]
    assert posted["experiment"] is None
    assert posted["degraded"] == []
    assert set(posted["items"][0]) == {"item_id", "score", "position"}


def test_recommend_explained_as_the_console_asks(client):
    body = {"user_id": "U0", "surface": "home", "k": 3, "explain": True}
    told = good(client.post("/v1/recommend", json=body), shapes.SlateOut)
    assert told["items"][0]["fields"]["title"].startswith("Soccer")
    assert isinstance(told["items"][0]["reasons"], list)


def test_an_unknown_user_is_200_and_cold(client):
    told = good(client.post("/v1/recommend", json={"user_id": "stranger"}), shapes.SlateOut)
    assert told["cold_start"] is True
    assert good(client.post("/v1/recommend", json={}), shapes.SlateOut)["cold_start"] is True


def test_a_session(client):
    body = {"session": [{"item_id": "N1"}, {"item_id": "N3", "type": "view", "occurred_at": 1.7e9}], "k": 3}
    told = good(client.post("/v1/recommend", json=body), shapes.SlateOut)
    assert told["cold_start"] is False


def test_pages(client):
    first = client.post("/v1/recommend", json={"user_id": "U0", "k": 5}).json()
    body = {"user_id": "U0", "k": 5, "cursor": first["next_cursor"]}
    second = good(client.post("/v1/recommend", json=body), shapes.SlateOut)
    third = good(client.get("/v1/recommend/U0", params={"k": 5, "cursor": second["next_cursor"]}), shapes.SlateOut)
    shown = [one["item_id"] for page in (first, second, third) for one in page["items"]]
    assert len(set(shown)) == 15
    assert third["items"][0]["position"] == 11


def test_rank(client):
    told = good(client.post("/v1/rank", json={"user_id": "U0", "items": ["N3", "N24", "gone"]}), shapes.RankOut)
    assert [one["item_id"] for one in told["items"]] == ["N24", "N3"]
    assert told["unscored"] == ["gone"]


def test_similar(client):
    told = good(client.get("/v1/similar/N8?k=3"), shapes.SlateOut)
    assert len(told["items"]) == 3
    posted = client.post("/v1/similar", json={"item_id": "N8", "k": 3}).json()
    assert [one["item_id"] for one in told["items"]] == [one["item_id"] for one in posted["items"]]


def test_search_and_ask(client):
    told = good(client.get("/v1/search", params={"q": "word7", "k": 2}), shapes.FoundOut)
    assert told["items"][0]["item_id"] == "N7"
    cited = good(client.post("/v1/ask", json={"query": "what about word7?"}), shapes.CitedOut)
    assert cited["sources"][0]["id"] == "N7"
    assert cited["sources"][0]["score"] == round(cited["sources"][0]["score"], 3)
    assert cited["mode"] == "extractive"


def test_events_one_and_many(client, world):
    one = good(client.post("/v1/events", json=world.click(1)), shapes.ReceiptOut)
    assert one == {"accepted": 1, "duplicates": 0, "rejected": 0, "rows": [{"event_id": "e1", "status": "accepted"}]}
    many = good(client.post("/v1/events", json=[world.click(1), world.click(2), {"event": "x"}]), shapes.ReceiptOut)
    assert (many["accepted"], many["duplicates"], many["rejected"]) == (1, 1, 1)
    assert many["rows"][2]["reason"]
    assert good(client.post("/v1/events", json=[]), shapes.ReceiptOut)["rows"] == []


def test_a_click_changes_the_next_answer_and_can_be_explained(client, world):
    before = client.post("/v1/recommend", json={"user_id": "fresh", "k": 3}).json()
    click = world.click(1, "fresh", "N1", request_id=before["request_id"])
    assert client.post("/v1/events", json=click).status_code == 200
    after = client.post("/v1/recommend", json={"user_id": "fresh", "k": 3}).json()
    assert before["cold_start"]
    assert not after["cold_start"]
    assert {int(one["item_id"][1:]) % 2 for one in after["items"]} == {1}
    told = good(client.get("/v1/why", params={"request_id": after["request_id"]}), shapes.WhyOut)
    assert [one["item_id"] for one in told["items"]] == [one["item_id"] for one in after["items"]]
    params = {"request_id": after["request_id"], "item_id": "N1"}
    told = good(client.get("/v1/why-not", params=params), shapes.WhyNotOut)
    assert told["stage"] == "seen"


def test_items_and_users(client):
    assert good(client.get("/v1/items/N7"), shapes.ItemDetailOut)["fields"]["price"] == 7
    told = good(client.get("/v1/users?q=U1&limit=2"), shapes.UsersOut)
    assert [one["user_id"] for one in told["users"]] == ["U1", "U10"]
    told = good(client.get("/v1/users/U1"), shapes.UserDetailOut)
    assert told["known"]
    assert told["history"][0]["title"].startswith("Finance")
    assert good(client.get("/v1/users/stranger"), shapes.UserDetailOut) == {
        "user_id": "stranger",
        "known": False,
        "history": [],
    }


def test_put_items_and_users(client):
    told = client.put("/v1/items/a%2Fb", json={"fields": {"title": "A slash", "price": 2.5}})
    assert good(told, shapes.ReceiptOut)["accepted"] == 1
    assert client.get("/v1/items/a/b").json()["fields"]["title"] == "A slash"
    assert client.put("/v1/users/U0", json={"fields": {"age": 30}}).status_code == 200
    refused = client.put("/v1/items/N1", json={"fields": {"price": "much"}})
    assert refused.status_code == 422
    assert refused.json()["field"] == "fields.price"


def test_surfaces(client):
    told = good(client.get("/v1/surfaces"), shapes.SurfacesOut)
    assert told["surfaces"][0]["name"] == "home"
    assert {"kind": "filter", "name": "seen"} in told["surfaces"][0]["stages"]


def test_bundles_without_a_folder(client):
    assert good(client.get("/v1/bundles"), shapes.BundlesOut) == {"bundles": [], "serving": "b1"}
    assert client.post("/v1/bundles/rollback", json={}).status_code == 409


def test_the_books_routes(client):
    assert good(client.get("/health"), shapes.BookHealthOut) == {
        "status": "ok",
        "articles": 30,
        "embedder": "bm25",
        "has_ranker": False,
        "rag_mode": "extractive",
    }
    told = good(client.get("/recommend/U0?k=3"), shapes.BookListOut)
    assert told["cold_start"] is False
    assert set(told["recommendations"][0]) == {"id", "title", "abstract", "category", "subcategory"}
    assert good(client.get("/recommend/UNEW"), shapes.BookListOut)["cold_start"] is True
    told = good(client.get("/search?q=word7&k=1"), shapes.BookSearchOut)
    assert told["results"][0]["id"] == "N7"
    assert 0 < told["results"][0]["score"] < 1
    assert good(client.post("/ask", json={"query": "word7", "k": 1}), shapes.CitedOut)["sources"][0]["id"] == "N7"
    first = client.get("/recommend/U0?k=1").json()["recommendations"][0]["id"]
    told = client.post("/feedback", json={"user_id": "U0", "news_id": first})
    assert good(told, shapes.BookFeedbackOut) == {"status": "recorded", "user_id": "U0", "news_id": first}
    assert client.get("/recommend/U0?k=1").json()["recommendations"][0]["id"] != first
    assert client.post("/feedback", json={"user_id": "U0", "news_id": "gone"}).status_code == 404


def test_the_books_routes_can_be_switched_off(make):
    assert make(book_router=False).get("/health").status_code == 404


def test_pages_for_people(client):
    assert client.get("/").headers["location"] == "/console/"
    assert client.get("/console").headers["location"] == "/console/"
    docs = client.get("/docs")
    assert docs.status_code == 200
    assert "/v1/recommend" in docs.text
    assert 'id="error-bad_request"' in docs.text
    assert "<script" not in docs.text
    assert "http" not in docs.text.replace("HTTP", "")


def test_the_console_or_how_to_get_it(client):
    answer = client.get("/console/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    client.app.state.console = {}
    assert "npm run build" in client.get("/console/").text
    assert client.get("/console/no.js").status_code == 404


def test_console_files_are_read_by_name_never_by_path(client, tmp_path):
    from shortlist.doors.http.routes.pages import read_console

    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>hello")
    (tmp_path / "assets" / "a.js").write_text("1")
    (tmp_path / ".secret").write_text("no")
    (tmp_path / "link").symlink_to("/etc/hostname")
    files = read_console(tmp_path)
    assert set(files) == {"index.html", "assets/a.js"}
    client.app.state.console = files
    assert client.get("/console/").text == "<p>hello"
    script = client.get("/console/assets/a.js", headers={"Range": "bytes=0-0,0-0"})
    assert script.status_code == 200
    assert "javascript" in script.headers["content-type"]
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/console/assets/a.js", headers={"If-None-Match": script.headers["etag"]}).status_code == 304
    for name in ("../wire.py", "%2e%2e/wire.py", "..%2fwire.py", "%252e%252e/x", "....//x", "/etc/passwd", ".secret"):
        assert client.get(f"/console/{name}").status_code == 404
    assert read_console(tmp_path / "absent") == {}


def test_openapi_describes_every_route(client):
    told = client.get("/openapi.json").json()
    asked = {("post", "/v1/recommend"), ("get", "/v1/recommend/{user_id}"), ("post", "/v1/events"), ("get", "/v1/why")}
    found = {(method, path) for path, operations in told["paths"].items() for method in operations}
    assert asked <= found
    assert len(found) >= 27
    schemas = told["components"]["schemas"]
    for operation in (one for path in told["paths"].values() for one in path.values()):
        assert operation["summary"]
        assert "HTTPValidationError" not in str(operation)
        for ref in _refs(operation):
            assert ref in schemas
    for schema in schemas.values():
        assert all(ref in schemas for ref in _refs(schema))
    body = told["paths"]["/v1/recommend"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schemas[body["$ref"].rpartition("/")[2]]["properties"]["k"]["anyOf"][0]["maximum"] == 500


def _refs(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


def test_metrics_count_without_naming_anybody(client, world):
    client.post("/v1/recommend", json={"user_id": "U0", "k": 500})
    client.post("/v1/recommend", json={"user_id": "someone-secret", "k": 2})
    client.post("/v1/events", json=[world.click(1), world.click(1)])
    client.get("/v1/users/someone-secret")
    client.get("/nowhere/someone-secret")
    text = client.get("/metrics").text
    assert 'shortlist_requests_total{method="POST",route="/v1/recommend",status="200"} 2.0' in text
    assert 'shortlist_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'shortlist_events_total{status="accepted"} 1.0' in text
    assert 'shortlist_events_total{status="duplicate"} 1.0' in text
    assert 'shortlist_cold_slates_total{surface="home"} 1.0' in text
    assert 'shortlist_short_slates_total{surface="home"} 1.0' in text
    assert 'shortlist_stage_ms_count{stage="knn",surface="home"} 2.0' in text
    assert "# TYPE shortlist_unusual_values_total counter" in text
    assert "# TYPE shortlist_rows_without_score_total counter" in text
    assert "someone-secret" not in text


@pytest.mark.parametrize("path", ["/health/ready", "/v1/recommend/U0", "/v1/search?q=x", "/v1/surfaces", "/v1/users"])
def test_nothing_but_health_answers_without_a_bundle(make, path):
    from shortlist.app.service import Service

    answer = make(Service()).get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    Problem.model_validate(answer.json())
    assert answer.json()["code"] == "no_bundle"
