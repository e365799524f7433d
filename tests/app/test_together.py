"""Questions answered in one run get the lists, the traces and the errors that they would get alone."""

import pytest

from shortlist.app.questions import Question, SessionItem
from shortlist.app.recommend import recommend
from shortlist.app.together import recommend_together
from shortlist.app.why import why
from shortlist.core.errors import BadExpression, BadRequest, StageError, StoreUnavailable, UnknownSurface
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.pipeline.run import Runner
from shortlist.pipeline.stages.filters.seen import Seen

MIXED = (
    Question(user_id="U0", k=5),
    Question(user_id="U1", k=7, filter='category == "soccer"'),
    Question(user_id="stranger", k=3),
    Question(k=5),
    Question(session=(SessionItem("N3"), SessionItem("N5")), k=4),
    Question(user_id="U2", k=5, exclude=("N1", "N3", "nobody knows")),
    Question(user_id="U3", candidates=("N1", "N2", "N3")),
    Question(user_id="U4", candidates=("N7", "N9"), k=1),
    Question(user_id="U5", k=5, surface="similar"),
    Question(user_id="U6", k=5, context={"page": "front"}),
    Question(user_id="U7", k=30),
    Question(user_id="U8", k=5, explain=True, return_fields=("title",)),
)
WRONG = (
    (Question(user_id="U0", k=0), BadRequest),
    (Question(user_id="U0", filter="colour == 1"), BadExpression),
    (Question(user_id="U0", surface="nowhere"), UnknownSurface),
)


@pytest.fixture
def frozen(service, monkeypatch):
    """A service whose clock stands still, so that two ways of asking ask at one moment."""
    now = service.state.clock.now()
    monkeypatch.setattr(type(service.state.clock), "now", lambda self: now)
    return service


def told(slate):
    return (
        [(pick.item_id, pick.score, pick.position, pick.reasons, pick.fields) for pick in slate.items],
        slate.served_by, slate.cold_start, slate.shortfall, slate.unscored, slate.degraded, slate.surface,
        slate.next_cursor is None, [name for name, _ in slate.stage_ms],
    )  # fmt: skip


def test_every_list_is_the_one_it_would_be_alone(frozen, monkeypatch):
    alone = [recommend(frozen, question) for question in MIXED]
    runs = []
    plain = Runner.run
    monkeypatch.setattr(Runner, "run", lambda self, r, **o: (runs.append(len(r)), plain(self, r, **o))[1])
    together = recommend_together(frozen, MIXED)
    assert [told(one) for one in together] == [told(one) for one in alone]
    assert sorted(runs) == [1, 1, 2, 8], "by surface, own candidates, and kinds of columns"
    assert len({slate.request_id for slate in together}) == len(MIXED)


def test_the_trace_counts_the_rows_of_the_request_alone(frozen):
    alone = [recommend(frozen, question) for question in MIXED]
    together = recommend_together(frozen, MIXED)
    for one, other in zip(alone, together, strict=True):
        mine, theirs = (why(frozen, slate.request_id)["stages"] for slate in (one, other))
        assert [(s["stage"], s["rows_in"], s["rows_out"]) for s in theirs] == [
            (s["stage"], s["rows_in"], s["rows_out"]) for s in mine
        ]


def test_pages_go_on_where_they_were(frozen):
    first = recommend_together(frozen, [Question(user_id=f"U{u}", k=3) for u in range(4)])
    second = recommend_together(
        frozen, [Question(user_id=f"U{u}", k=3, cursor=slate.next_cursor) for u, slate in enumerate(first)]
    )
    for one, two in zip(first, second, strict=True):
        assert not {pick.item_id for pick in one.items} & {pick.item_id for pick in two.items}


def test_errors_of_one_question_touch_no_other(frozen):
    questions = [MIXED[0], *(question for question, _ in WRONG), MIXED[1]]
    found = recommend_together(frozen, questions)
    for answer, (question, kind) in zip(found[1:-1], WRONG, strict=True):
        assert type(answer) is kind
        with pytest.raises(kind) as raised:
            recommend(frozen, question)
        assert (answer.message, answer.field) == (raised.value.message, raised.value.field)
    assert [told(found[0]), told(found[-1])] == [told(recommend(frozen, one)) for one in MIXED[:2]]


@pytest.mark.parametrize("error", [StageError, StoreUnavailable])
def test_a_batch_that_fails_is_answered_one_by_one(frozen, monkeypatch, error):
    """What user 1 breaks is only theirs: their list has the popular items, the others have their own."""
    alone = [recommend(frozen, question) for question in MIXED[:3]]
    plain, victim = ItemKnn.retrieve, frozen.state.users.get("U1")

    def retrieve(self, requests, k, **options):
        if victim in requests.user.tolist():
            raise error("not for this one")
        return plain(self, requests, k, **options)

    monkeypatch.setattr(ItemKnn, "retrieve", retrieve)
    found = recommend_together(frozen, MIXED[:3])
    assert [told(found[0]), told(found[2])] == [told(alone[0]), told(alone[2])]
    assert found[1].served_by == "popular"
    assert found[1].degraded == (error.code,)


def test_a_bug_in_a_stage_is_the_error_of_each_question_it_meets(frozen, monkeypatch):
    victim = frozen.state.users.get("U1")
    plain = Seen.keep

    def keep(self, requests, candidates):
        if victim in requests.user.tolist():
            raise StageError("a bug")
        return plain(self, requests, candidates)

    monkeypatch.setattr(Seen, "keep", keep)
    found = recommend_together(frozen, MIXED[:3])
    assert isinstance(found[1], StageError)
    assert [len(found[0].items), len(found[2].items)] == [5, 3]


def test_one_question_and_none():
    from tests.app.world import service

    made = service()
    assert recommend_together(made, []) == []
    assert len(recommend_together(made, [Question(user_id="U0", k=5)])[0].items) == 5
