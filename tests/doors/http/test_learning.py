"""Over HTTP: what another user does after this one's last visit is in the next answer."""

import pytest

from shortlist.app.service import Service
from shortlist.models.retrieval.rp3beta import Rp3Beta
from shortlist.models.retrieval.trails import Trails


@pytest.mark.parametrize("model", [Trails, Rp3Beta])
def test_an_event_of_somebody_else_changes_the_next_answer(make, world, model):
    data = world.dataset()
    service = Service.of(data, {"knn": model().fit(data)}, {"home": world.spec()})
    client = make(service)

    def place(item):
        answer = client.post("/v1/recommend", json={"user_id": "U0", "k": 30}).json()
        return [row["item_id"] for row in answer["items"]].index(item)

    before = place("N5")
    for n, user in enumerate(("ann", "bob")):
        for step, item in enumerate(("N0", "N5")):
            sent = client.post("/v1/events", json=world.click(f"{n}-{step}", user, item)).json()
            assert [row["status"] for row in sent["rows"]] == ["accepted"]
    after = place("N5")
    assert after < before
    for n, user in enumerate(("ann", "bob")):
        client.post("/v1/events", json=world.click(f"{n}-0", user, "N0"))
    assert place("N5") == after, "the same event sent twice is one event"
    service.close()
