"""An anonymous session meets a network: answered at once, from the session alone, with no refit."""

from shortlist.app.questions import Question, SessionItem
from shortlist.app.recommend import recommend
from shortlist.app.service import Service
from shortlist.core.contracts import FitContext
from shortlist.models.sequential.sasrec import SasRec
from shortlist.pipeline.spec import PipelineSpec
from shortlist.testing.worlds import planted_cycle


def service():
    world = planted_cycle()
    settings = {"epochs": 40, "factors": 16, "max_len": 8, "dropout": 0.0, "learning_rate": 0.01}
    model = SasRec(validation_users=0, **settings).fit(world.data, FitContext(seed=0, threads=1))
    spec = PipelineSpec.from_dict(
        {
            "name": "session",
            "model": [{"label": "next", "use": "sasrec"}],
            "query": [{"use": "history"}],
            "source": [{"use": "model", "model": "next"}],
            "filter": [{"use": "seen"}],
            "scorer": [{"use": "first_score", "columns": ["score.next"]}],
        },
        where="test spec",
    )
    return Service.of(world.data, {"next": model}, {"session": spec}, bundle="b1")


def test_what_follows_the_session_comes_first():
    serving = service()
    for last in (2, 7, 11):
        session = tuple(SessionItem(f"i{(last - back) % 12}") for back in (2, 1, 0))
        slate = recommend(serving, Question(surface="session", session=session, k=3))
        assert slate.items[0].item_id == f"i{(last + 1) % 12}"
        assert not slate.cold_start
