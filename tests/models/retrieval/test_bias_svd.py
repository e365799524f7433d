"""BiasSVD: a preset of SVD, and no other model."""

from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.bias_svd import BiasSvd
from shortlist.models.retrieval.svd import Svd
from tests.models.test_ratings import two_camps

CTX = FitContext(seed=3, threads=1)


def test_it_is_svd_with_other_defaults():
    seen, _ = two_camps()
    preset = BiasSvd()
    assert preset.config.decay < 1.0
    same = Svd(**preset.get_params()).fit(seen, CTX)
    assert preset.fit(seen, CTX).item_factors_.tobytes() == same.item_factors_.tobytes()
    assert BiasSvd(**Svd().get_params()).get_params() == Svd().get_params()


def test_cooling_leaves_the_last_passes_quieter():
    seen, (user, item, _) = two_camps()
    hot, cool = ({"learning_rate": 0.05, "epochs": 60, "decay": decay} for decay in (1.0, 0.9))

    def moved(config):
        """How far predictions move in the last pass."""
        before = BiasSvd(**{**config, "epochs": 59}).fit(seen, CTX).predict_many(user, item)
        return abs(BiasSvd(**config).fit(seen, CTX).predict_many(user, item) - before).mean()

    assert moved(cool) < 0.5 * moved(hot)
