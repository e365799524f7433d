"""Models learn while they serve: an event changes the next answer, and the bundle stays what was published."""

import copy

import numpy as np
import pytest

from shortlist.app.ingest import ingest
from shortlist.app.learning import Learning
from shortlist.app.questions import Question
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.bought_together import BoughtTogether
from shortlist.models.retrieval.content import Content
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.models.retrieval.swing import Swing
from shortlist.models.retrieval.trails import Trails
from shortlist.stores.memory import MemoryEventLog


def place(service, item, user="U0"):
    slate = recommend(service, Question(user_id=user, k=30), record=False)
    ids = [pick.item_id for pick in slate.items]
    return ids.index(item) if item in ids else 99


def linked(world, n, first="N0", then="N5", start=100):
    """Strangers who went from one item to another."""
    out = []
    for one in range(n):
        out.append(world.click(f"{start}-{one}a", f"walker{start}-{one}", first))
        out.append(world.click(f"{start}-{one}b", f"walker{start}-{one}", then))
    return out


@pytest.fixture
def parts(world):
    data = world.dataset()
    return data, {"knn": Trails().fit(data)}, {"home": world.spec(), "similar": world.spec("similar")}


def test_what_others_do_changes_the_next_answer_and_not_the_bundle(world, parts):
    data, models, specs = parts
    published = Trails().fit(data)
    service = Service.of(data, models, specs)
    before = place(service, "N5")
    ingest(service, linked(world, 3))
    assert place(service, "N5") < before
    assert service.state.learning.models["knn"] is not models["knn"]
    assert (models["knn"].links_ != published.links_).nnz == 0
    service.close()


def test_one_by_one_is_like_all_at_once_and_like_a_restart(world, parts):
    log = MemoryEventLog()
    service = Service.of(*parts, log=log)
    events = linked(world, 4)
    for event in events:
        ingest(service, [event])
    ingest(service, events)  # the log knows them; they must not count again
    first = service.state.learning.models["knn"]
    again = Service.of(*parts, log=log)
    second = again.state.learning.models["knn"]
    other = Service.of(*parts)
    ingest(other, events)
    third = other.state.learning.models["knn"]
    for model in (second, third):
        assert (first.links_ != model.links_).nnz == 0
        np.testing.assert_array_equal(first.item_users_, model.item_users_)


def test_a_new_item_becomes_a_candidate_once_somebody_had_it(world, parts):
    service = Service.of(*parts)
    early = linked(world, 1, then="N99")
    ingest(service, early)  # nobody described N99 yet: the events wait for it
    assert service.state.learning.models["knn"].n_items_ == 30
    item = {"event": "item", "event_id": "i1", "item_id": "N99", "fields": {"title": "Late news", "category": "soccer"}}
    ingest(service, [item])
    assert service.state.learning.models["knn"].n_items_ == 31
    assert place(service, "N99") < 30
    assert service.state.learning.stopped == {}


def test_a_model_that_refuses_events_keeps_serving(world, parts):
    data, models, specs = parts
    full = models["knn"].set_params(max_links=models["knn"].links_.nnz)
    service = Service.of(data, {"knn": full}, specs)
    receipt = ingest(service, linked(world, 2, first="N0", then="N1"))
    assert {row.status for row in receipt.rows} == {"accepted"}
    assert service.state.learning.stopped == {"knn": "too_large"}
    assert place(service, "N7") < 99
    ingest(service, linked(world, 2, start=300))
    service.close()


def test_models_that_cannot_learn_or_number_items_otherwise_are_left_alone(world):
    data = world.dataset()
    small = world.dataset(n_items=20)
    models = {"knn": ItemKnn(similarity="tfidf").fit(data), "swing": Swing().fit(small), "larger": Trails().fit(data)}
    learning = Learning(models, small)
    learning.note(0, 1, 1.0, 1.0, "click")
    learning.learn()
    assert learning.models == models


def test_models_see_of_which_type_an_event_is(world):
    data = world.dataset()
    baskets = BoughtTogether(types=(data.interactions.types[0],), min_support=1).fit(data)
    learning = Learning({"baskets": baskets}, data)
    live = learning.models["baskets"]
    for at, kind in enumerate(["stare", data.interactions.types[0]]):
        learning.note(data.n_users + at, 3, 1e9, 1.0, kind)
        learning.note(data.n_users + at, 4, 1e9, 1.0, kind)
    learning.learn()
    assert live.n_baskets_ == baskets.n_baskets_ + 1
    assert live.item_baskets_[3] == baskets.item_baskets_[3] + 1


def test_content_reads_new_and_changed_items(world):
    data = world.dataset()
    content = Content().fit(data)
    service = Service.of(data, {"knn": content}, {"home": world.spec()})
    fields = {"title": "Soccer story number 77", "abstract": "Word2 happened in soccer."}
    ingest(service, [{"event": "item", "event_id": "i1", "item_id": "N77", "fields": fields}])
    live = service.state.learning.models["knn"]
    assert (content.n_items_, live.n_items_) == (30, 31)
    ask = Requests.of([-1], history=History.of([[2]]))
    assert live.score_block(ask)[0, 30] > live.score_block(ask)[0, 4]
    ingest(service, [{"event": "item", "event_id": "i2", "item_id": "N77", "fields": {"title": "x", "abstract": "x"}}])
    assert np.isnan(live.score_block(ask)[0, 30])
    service.close()


def test_described_items_score_as_if_they_had_been_fitted(world):
    data = world.dataset()
    texts = ["Soccer story word2 of another kind", "", "Finance story word3"]
    model = Content().fit(data)
    twin = copy.copy(model)
    model.describe(np.array([31, 4, 30]), texts)
    ask = Requests.of([-1], history=History.of([[2, 6]]))
    block = model.score_block(ask)
    by_text = twin.score_texts(ask, texts)
    np.testing.assert_allclose(block[0, [31, 4, 30]], by_text[0])
    untouched = [i for i in range(30) if i != 4]
    np.testing.assert_array_equal(block[0, untouched], twin.score_block(ask)[0, untouched])
    assert twin.n_items_ == 30
