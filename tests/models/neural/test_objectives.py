import math

import pytest
import torch
from torch.nn.functional import cross_entropy, logsigmoid

from shortlist.core.errors import BadConfig
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.objectives.losses import LOSSES, bce, bpr_max, full_ce, gbce, multinomial, sampled_ce
from shortlist.models.neural.objectives.negatives import (
    Drawn,
    Hard,
    InBatch,
    Mixed,
    Popularity,
    Uniform,
    make_negatives,
)
from shortlist.models.neural.objectives.objective import Objective, accidental
from shortlist.models.neural.objectives.targets import last_item, masked, next_item, pointwise

DRAW = torch.Generator


def generator(seed=0):
    return DRAW().manual_seed(seed)


# --- targets --------------------------------------------------------------------------------------------------------


def test_padding_and_unknown_never_become_targets():
    states = torch.arange(12.0).view(2, 3, 2)
    query, goal = next_item(states, torch.tensor([[5, 1, 0], [2, 3, 0]]))
    assert goal.tolist() == [5, 2, 3]
    assert query.tolist() == [[0, 1], [6, 7], [8, 9]]
    query, goal = last_item(states, torch.tensor([[5, 1, 0], [0, 0, 0]]))
    assert (query.tolist(), goal.tolist()) == ([[0, 1]], [5])


def test_hidden_events_are_the_targets_and_every_sequence_has_one():
    tokens = torch.randint(2, 50, (200, 10), generator=generator())
    tokens[:, 7:] = 0
    holed, targets = masked(tokens, 1, share=0.2, last_share=0.0, generator=generator(1))
    hidden = targets > 0
    assert hidden.any(1).all()
    assert (holed[hidden] == 1).all()
    assert torch.equal(targets[hidden], tokens[hidden])
    assert torch.equal(holed[~hidden], tokens[~hidden])
    assert not hidden[:, 7:].any(), "padding is never hidden"
    assert 0.15 < hidden[:, :7].float().mean() < 0.35
    _, targets = masked(tokens, 1, share=0.2, last_share=1.0, generator=generator(1))
    assert (targets > 0).nonzero()[:, 1].tolist() == [6] * 200


def test_rows_without_a_label_are_dropped():
    states, labels = pointwise(torch.arange(3.0), torch.tensor([1.0, math.nan, 0.0]))
    assert (states.tolist(), labels.tolist()) == ([0.0, 2.0], [1.0, 0.0])


# --- losses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_bias", [False, True])
def test_full_ce_is_cross_entropy_with_its_gradient(with_bias, monkeypatch):
    monkeypatch.setattr("shortlist.models.neural.objectives.losses.SLAB", 1)  # 64 rows at a time
    torch.manual_seed(0)
    query, weight = torch.randn(150, 4, requires_grad=True), torch.randn(11, 4, requires_grad=True)
    bias = torch.randn(11, requires_grad=True) if with_bias else None
    goal = torch.randint(11, (150,))
    wanted = [t for t in (query, weight, bias) if t is not None]
    ours = full_ce(query, weight, goal, bias)
    grads = torch.autograd.grad(3 * ours, wanted)
    logits = query @ weight.T + (0 if bias is None else bias)
    plain = cross_entropy(logits, goal, reduction="sum")
    torch.testing.assert_close(ours, plain)
    for mine, theirs in zip(grads, torch.autograd.grad(3 * plain, wanted), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_full_ce_survives_large_logits():
    query = torch.full((2, 1), 300.0, requires_grad=True)
    loss = full_ce(query, torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(600.0)
    loss.backward()
    assert torch.isfinite(query.grad).all()


def test_sampled_losses_by_hand():
    positive, negative = torch.tensor([2.0]), torch.tensor([[1.0, -1.0]])
    assert bce(positive, negative).item() == pytest.approx(
        -(logsigmoid(torch.tensor(2.0)) + logsigmoid(torch.tensor(-1.0)) + logsigmoid(torch.tensor(1.0))).item()
    )
    e = math.e
    assert sampled_ce(positive, negative).item() == pytest.approx(math.log(e**2 + e + 1 / e) - 2)
    weight = torch.softmax(negative, 1)[0]
    gap = torch.sigmoid(torch.tensor([1.0, 3.0]))
    by_hand = -math.log((weight * gap).sum()) + 0.5 * (weight * negative[0] ** 2).sum().item()
    assert bpr_max(positive, negative, bpr_reg=0.5).item() == pytest.approx(by_hand)


def test_gbce_works_out_beta_itself():
    positive, negative = torch.tensor([0.3]), torch.zeros(1, 5)
    assert gbce(positive, negative, n_items=101, calibration=0.0).item() == pytest.approx(
        bce(positive, negative).item()
    )
    rate = 5 / 100
    beta = rate * (0.75 * (1 - 1 / rate) + 1 / rate)
    expected = beta * math.log1p(math.exp(-0.3)) + 5 * math.log(2)
    assert gbce(positive, negative, n_items=101, calibration=0.75).item() == pytest.approx(expected)
    extreme = gbce(torch.tensor([-400.0]), torch.full((1, 5), 400.0), n_items=101)
    assert torch.isfinite(extreme).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_masked_negative_counts_nothing_in_value_and_gradient(name):
    positive = torch.tensor([0.5, -0.2], requires_grad=True)
    few = torch.tensor([[0.1, 0.7], [0.3, 0.2]])
    more = torch.cat([few, torch.full((2, 1), -torch.inf)], 1).requires_grad_()
    loss = LOSSES[name](positive, more, n_items=10, log_q=None)
    (grad,) = torch.autograd.grad(loss.sum(), more)
    assert torch.isfinite(loss).all()
    assert grad[:, 2].tolist() == [0.0, 0.0]
    if name not in ("bpr", "ccl", "gbce"):  # these average over the number of draws
        torch.testing.assert_close(loss, LOSSES[name](positive, few, n_items=10, log_q=None))


def test_log_q_makes_sampled_softmax_estimate_the_full_one():
    """With biased draws the corrected sum over samples is unbiased for the partition function."""
    torch.manual_seed(0)
    n = 40
    logits, counts = torch.randn(n) * 0.5, torch.arange(1.0, n + 1)
    sampler = Popularity(counts, 1.0, 20_000)
    drawn = sampler.draw(torch.tensor([2]), generator())
    corrected = logits[drawn.ids - 2] - drawn.log_q - math.log(20_000)
    assert torch.logsumexp(corrected, 0).item() == pytest.approx(torch.logsumexp(logits, 0).item(), abs=0.02)


def test_the_positive_is_not_drawn_and_so_not_corrected():
    """Negatives become s - log(K * Q); the positive keeps its logit, whatever its own Q."""
    positive, negative = torch.tensor([1.0]), torch.tensor([[0.5, -0.5]])
    log_q = torch.tensor([0.5, 0.01]).log()
    corrected = [0.5 - math.log(2 * 0.5), -0.5 - math.log(2 * 0.01)]
    by_hand = math.log(math.e + sum(math.exp(each) for each in corrected)) - 1.0
    assert sampled_ce(positive, negative, log_q=log_q).item() == pytest.approx(by_hand)


def test_multinomial_is_the_log_likelihood_of_a_row():
    logits, counts = torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([[1.0, 0.0, 2.0]])
    assert multinomial(logits, counts).item() == pytest.approx(-(torch.log_softmax(logits, 1) * counts).sum().item())


# --- negatives ------------------------------------------------------------------------------------------------------


def test_each_sampler_says_how_likely_its_draws_were():
    counts = torch.tensor([8.0, 0.0, 1.0, 1.0])
    goal = torch.tensor([2, 2, 4, 5])
    uniform = Uniform(4, 6).draw(goal, generator())
    assert uniform.log_q.exp().tolist() == pytest.approx([0.25] * 6)
    drawn = Popularity(counts, 1.0, 4000).draw(goal, generator())
    share = torch.bincount(drawn.ids - 2, minlength=4) / 4000
    assert share.tolist() == pytest.approx([0.8, 0.0, 0.1, 0.1], abs=0.03)
    torch.testing.assert_close(drawn.log_q.exp(), (counts / 10)[drawn.ids - 2])
    own = InBatch(counts).draw(goal, generator())
    assert own.ids.tolist() == goal.tolist()
    assert own.log_q.exp().tolist() == pytest.approx([0.8, 0.8, 0.1, 0.1])
    both = Mixed(InBatch(counts), Uniform(4, 4), torch.full((4,), math.log(0.25))).draw(goal, generator())
    assert both.log_q.exp()[:4].tolist() == pytest.approx([0.525, 0.525, 0.175, 0.175])


def test_log_q_is_of_the_training_stream():
    """An item of the catalogue without training events is never drawn, and counts come from events, not from items."""
    counts = torch.tensor([1.0, 99.0, 0.0])
    drawn = make_negatives("popularity", 3, 500, counts, power=1.0).draw(torch.tensor([2]), generator())
    assert 4 not in drawn.ids.tolist()
    assert (drawn.ids == 3).float().mean() > 0.95


def test_padding_and_unknown_are_never_negatives():
    counts = torch.tensor([3.0, 0.0, 1.0, 5.0])
    goal = torch.arange(2, 6)
    for name in ("uniform", "popularity", "in_batch", "mixed", "hard"):
        for seed in range(20):
            ids = make_negatives(name, 4, 50, counts).draw(goal, generator(seed)).ids
            assert 2 <= ids.min() <= ids.max() <= 5


def test_own_draws_per_row():
    assert Uniform(9, 3, per_row=True).draw(torch.arange(2, 6), generator()).ids.shape == (4, 3)


def hard(n_items, k, **options):
    counts = torch.ones(n_items)
    mixed = Mixed(InBatch(counts), Uniform(n_items, 2), torch.full((n_items,), -math.log(n_items)))
    return Hard(mixed, n_items, k, **{"margin": 1, "pool": 2, "refresh": 1, **options})


def test_hard_negatives_are_the_ranks_after_the_margin_without_target_and_history():
    """Scores of six items fall from 6 to 1; of what is left the first is the margin, the next two are the pool."""
    table = torch.arange(6.0, 0, -1).unsqueeze(1)
    sampler = hard(6, 2)
    target, had = torch.tensor([3, 2]), torch.tensor([[4, 0], [0, 1]])
    sampler.mine(torch.tensor([[1.0], [-1.0]]), target, lambda: table, generator(), had=had)
    pools = {tuple((row + 2).tolist()) for row in sampler.pools}
    # Row 0 may have 2 5 6 7 from the best on and skips 2; row 1 ranks the other way round, 7 6 5 4 3, and skips 7.
    assert pools == {(5, 6), (6, 5)}
    of_sequences, row = had.flip(0), torch.tensor([1, 0])
    sampler.mine(torch.tensor([[1.0], [-1.0]]), target, lambda: table, generator(), had=of_sequences, row=row)
    assert {tuple((each + 2).tolist()) for each in sampler.pools} == pools
    sampler.mine(torch.tensor([[1.0]]), target[:1], lambda: table, generator(), bias=torch.tensor([0.0, 0, 0, 0, 0, 9]))
    assert (sampler.pools + 2).tolist() == [[2, 4]], "a bias belongs to the rank"


def test_log_q_of_hard_negatives_is_that_of_the_whole_mixture():
    """Three targets, two uniform draws and two mined ones of six items: chances by hand."""
    table = torch.arange(6.0, 0, -1).unsqueeze(1)
    sampler, goal = hard(6, 2), torch.tensor([2, 7, 7])
    sampler.mine(torch.tensor([[1.0], [1.0], [-1.0]]), goal, lambda: table, generator())
    mined = (sampler.pools + 2).tolist()  # of two of the three rows
    drawn = sampler.draw(goal, generator(3))
    assert drawn.ids[:3].tolist() == goal.tolist()
    assert all(id_ in pool for id_, pool in zip(drawn.ids[5:].tolist(), mined, strict=True))
    for id_, log_q in zip(drawn.ids.tolist(), drawn.log_q.tolist(), strict=True):
        from_pools = sum(0.5 * pool.count(id_) for pool in mined)  # draws of that id expected of the two
        assert math.exp(log_q) == pytest.approx((3 / 6 + 2 / 6 + from_pools) / 7)


def test_hard_negatives_leave_the_sampled_softmax_unbiased_and_make_it_steadier():
    """Many draws average to the whole sum of exponents; with mined ones they scatter less than with as many others."""
    torch.manual_seed(0)
    n, query = 60, torch.tensor([[2.0]])
    table = torch.randn(n, 1)
    whole = torch.exp(table @ query.T).sum().item()
    found = {}
    for name in ("mixed", "hard"):
        options = {"share": 0.5, "margin": 0, "pool": 6, "refresh": 1}
        sampler = make_negatives(name, n, 8, torch.ones(n), hard=options)
        sums = []
        source = generator()
        for _ in range(4000):
            if name == "hard":
                sampler.mine(query, torch.tensor([0]), lambda: table, source)  # token 0: no class is barred
            drawn = sampler.draw(torch.randint(2, 2 + n, (1,), generator=source), source)
            sums.append((torch.exp((table @ query.T)[drawn.ids - 2, 0] - drawn.log_q).mean()).item())
        found[name] = torch.tensor(sums)
        assert found[name].mean().item() == pytest.approx(whole, rel=0.02)
    assert found["hard"].std() < 0.6 * found["mixed"].std()


def test_item_vectors_are_looked_at_every_so_many_steps_and_at_the_start_of_a_pass():
    looks = []

    def table():
        looks.append(len(looks))
        return torch.ones(6, 1)

    sampler = hard(6, 1, refresh=3)
    for _ in range(7):
        sampler.mine(torch.ones(1, 1), torch.tensor([2]), table, generator())
    assert len(looks) == 3
    sampler.new_pass()
    sampler.mine(torch.ones(1, 1), torch.tensor([2]), table, generator())
    assert len(looks) == 4


def test_a_catalogue_no_longer_than_the_margin_has_no_hard_negatives():
    sampler = hard(3, 2, margin=5)
    sampler.mine(torch.ones(2, 1), torch.tensor([2, 3]), lambda: torch.ones(3, 1), generator())
    drawn, easy = sampler.draw(torch.tensor([2, 3]), generator()), sampler.mixed.draw(torch.tensor([2, 3]), generator())
    assert drawn.ids.tolist() == easy.ids.tolist()
    assert drawn.log_q.tolist() == easy.log_q.tolist()


def test_the_objective_mines_with_its_own_scores_and_masks_what_other_rows_had():
    """Cosines rank, not products; and a mined item that another row had is no negative for that row."""
    items = ItemEncoder(4, 2)
    with torch.no_grad():
        items.ids.weight[2:] = torch.tensor([[1.0, 0], [5.0, 5.0], [1.0, 0.2], [0, 1.0]])
    sampler = hard(4, 1, margin=0, pool=1)
    objective = Objective("sampled_ce", sampler, n_items=4, normalise=True)
    query, goal = torch.tensor([[1.0, 0.0]]), torch.tensor([2])
    objective.total(query, goal, items, generator())
    assert (sampler.pools + 2).tolist() == [[4]], "item 3 has the larger product, item 4 the larger cosine"
    had, goals = torch.tensor([[0], [4]]), torch.tensor([2, 2])
    ids = sampler.draw(goals, generator()).ids
    assert accidental(goals, ids, had)[1, ids == 4].all()
    assert not accidental(goals, ids, had)[0, ids == 4].any()
    assert items.training, "the encoder is left as it was"


# --- the objective --------------------------------------------------------------------------------------------------


def test_in_batch_negatives_without_log_q_are_refused():
    counts = torch.ones(5)
    with pytest.raises(BadConfig, match="log Q"):
        make_negatives("in_batch", 5, 4, None)
    for loss in ("bce", "bpr", "gbce"):
        with pytest.raises(BadConfig, match="collapse"):
            Objective(loss, InBatch(counts), n_items=5)
    for negatives in (InBatch(counts), hard(5, 1)):
        with pytest.raises(BadConfig, match="collapse"):
            Objective("sampled_ce", negatives, n_items=5, with_log_q=False)
    assert Objective("sampled_ce", InBatch(counts), n_items=5).corrects


def test_a_loss_needs_its_negatives():
    with pytest.raises(BadConfig, match="needs negatives"):
        Objective("bce", None, n_items=5)
    with pytest.raises(BadConfig, match="takes no"):
        Objective("ce", Uniform(5, 2), n_items=5)
    with pytest.raises(BadConfig, match="no loss"):
        Objective("hinge", None, n_items=5)


def test_accidental_hits_are_masked_once_for_all_losses():
    goal, ids = torch.tensor([2, 3]), torch.tensor([3, 4, 2])
    assert accidental(goal, ids).tolist() == [[False, False, True], [True, False, False]]
    had = torch.tensor([[4, 0], [0, 0]])
    expected = [[False, True, True], [True, False, False]]
    assert accidental(goal, ids, had).tolist() == expected
    of_sequences, row = had.flip(0), torch.tensor([1, 0])
    assert accidental(goal, ids, of_sequences, row).tolist() == expected
    assert accidental(goal, ids.expand(2, -1), of_sequences, row).tolist() == expected
    items = ItemEncoder(3, 4)
    query = torch.randn(2, 4)

    class Fixed:
        needs_log_q = False

        def __init__(self, ids):
            self.ids = ids

        def draw(self, positives, generator):
            return Drawn(self.ids, torch.zeros(self.ids.shape))

    with_hit = Objective("bce", Fixed(torch.tensor([4, 2])), n_items=3).total(
        query, torch.tensor([2, 2]), items, generator()
    )
    without = Objective("bce", Fixed(torch.tensor([4])), n_items=3).total(
        query, torch.tensor([2, 2]), items, generator()
    )
    assert with_hit.item() == pytest.approx(without.item(), rel=1e-6)


def test_cosine_scores_have_a_temperature():
    torch.manual_seed(0)
    items, query, goal = ItemEncoder(3, 4, scale=1.0), torch.randn(2, 4), torch.tensor([2, 4])
    loss = Objective("ce", None, n_items=3, normalise=True, temperature=0.1).total(query, goal, items, generator())
    cosine = torch.nn.functional.cosine_similarity(query.unsqueeze(1), items.known_table().unsqueeze(0), dim=2)
    assert loss.item() == pytest.approx(cross_entropy(cosine / 0.1, goal - 2, reduction="sum").item(), rel=1e-5)


@pytest.mark.parametrize("loss", ["bce", "gbce"])
def test_a_prior_is_added_to_every_logit(loss):
    torch.manual_seed(0)
    items, query, goal = ItemEncoder(30, 4, scale=1.0), torch.randn(2, 4), torch.tensor([2, 4])
    bias = torch.full((32,), -3.0)
    shifted = Objective(loss, Uniform(30, 8), n_items=30, prior=-3.0).total(query, goal, items, generator())
    biased = Objective(loss, Uniform(30, 8), n_items=30).total(query, goal, items, generator(), bias=bias)
    plain = Objective(loss, Uniform(30, 8), n_items=30).total(query, goal, items, generator())
    assert shifted.item() == pytest.approx(biased.item(), rel=1e-6)
    assert shifted.item() < plain.item(), "most items are not the next one"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", ["gbce", "bce", "bpr_max", "sampled_ce"])
def test_half_precision_overflows_no_loss(loss, kind):
    """512 negatives with logits of 300 add up to more than the 65,504 that half precision can say."""
    objective = Objective(loss, Uniform(600, 512), n_items=600)
    items = ItemEncoder(600, 4)
    with torch.no_grad():
        items.ids.weight.fill_(5.0)
    query = torch.full((3, 4), 15.0, requires_grad=True)
    with torch.autocast("cpu", dtype=kind):
        total = objective.total(query, torch.tensor([2, 3, 4]), items, generator())
    plain = objective.total(query, torch.tensor([2, 3, 4]), items, generator())
    assert total.item() == pytest.approx(plain.item(), rel=2e-2)
    total.backward()
    assert torch.isfinite(query.grad).all()
    if loss == "gbce":
        assert plain.item() > 3 * 65_504
