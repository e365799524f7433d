"""Behaviour blocks: padding and other rows never count, an empty past is zero, and each formula by hand."""

import numpy as np
import pytest
import torch

from shortlist.models.neural.behaviour_task import ByRequest, negatives_of
from shortlist.models.neural.blocks import in_turns
from shortlist.models.neural.blocks.behaviour.attended import Attended
from shortlist.models.neural.blocks.behaviour.evolution import Augru, InterestEvolution, next_event_loss
from shortlist.models.neural.blocks.behaviour.hashed import HashedAttention
from shortlist.models.neural.blocks.behaviour.multi_head import MultiHeadTarget
from shortlist.models.neural.blocks.behaviour.past import AGES, AgeVectors, Past, mean_of
from shortlist.models.neural.blocks.behaviour.search import NearestByHash, SameLabel
from shortlist.models.neural.blocks.behaviour.sessions import SessionInterest
from shortlist.models.neural.blocks.behaviour.transformer import PastTransformer
from shortlist.models.neural.blocks.behaviour.two_stage import Both, Found
from shortlist.models.neural.blocks.target_attention import Dice, TargetAttention
from shortlist.models.neural.fields import FIRST, PADDING

D = 4
LENGTHS = (0, 1, 3, 6)
BLOCKS = {
    "din": lambda: Attended(D, hidden=(6,)),
    "din_softmax": lambda: Attended(D, hidden=(6,), softmax=True),
    "din_last": lambda: Attended(D, hidden=(6,), last=2),
    "dien": lambda: InterestEvolution(D),
    "dsin": lambda: SessionInterest(D, gap_s=100.0, sessions=2, length=3, dropout=0.5),
    "bst": lambda: PastTransformer(D, dropout=0.5),
    "sim": lambda: Both(Attended(D, last=2), Found(SameLabel(3), MultiHeadTarget(D))),
    "eta": lambda: Both(Attended(D, last=2), Found(NearestByHash(D, 3, 16), MultiHeadTarget(D))),
    "sdim": lambda: HashedAttention(D, groups=4, width=2),
}
FURTHER = {
    "bst_deep": lambda: PastTransformer(D, layers=3, heads=1),
    "sdim_both": lambda: Both(Attended(D, last=20), HashedAttention(D, groups=3, width=30, normalise=False)),
    "sim_all": lambda: Found(SameLabel(50), MultiHeadTarget(D, 1)),
    "eta_all": lambda: Found(NearestByHash(D, 50, 8), MultiHeadTarget(D, 4)),
    "attended_by_all": lambda: MultiHeadTarget(D),
}
"""Settings that take another path where candidates share a past."""


def made(name):
    torch.manual_seed(1)
    block = (BLOCKS | FURTHER)[name]().double().eval()
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.randn_like(p) * 0.7)
    return block


def past(lengths=LENGTHS, width=6, seed=0):
    """Ages fall along a past; pauses of a minute, and one of an hour after every third event."""
    draw = torch.Generator().manual_seed(seed)
    b = len(lengths)
    place = torch.arange(width)
    mask = place < torch.tensor(lengths)[:, None]
    at = (60.0 * place + 3600.0 * (place // 3)).double()
    age = torch.where(mask, 10_000.0 - at, 0.0).double()
    x = torch.randn(b, width, D, generator=draw, dtype=torch.float64)
    alike = torch.rand(b, width, generator=draw) < 0.5
    return Past(x, mask, age, alike & mask), torch.randn(b, D, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("name", BLOCKS)
def test_padding_never_counts_and_an_empty_past_is_zero(name):
    """Neither what stands in the padding, nor how much of it there is."""
    block = made(name)
    given, target = past()
    out = block(given, target)
    assert out.shape == (len(target), block.width)
    assert torch.isfinite(out).all()
    assert not out[0].any()
    assert (out[1:] != 0).any(1).all()
    hidden = given._replace(
        x=torch.where(given.mask.unsqueeze(-1), given.x, 1e3),
        age=torch.where(given.mask, given.age, -5e5),
        alike=given.alike | ~given.mask,
    )
    torch.testing.assert_close(block(hidden, target), out)
    longer = Past(*(torch.nn.functional.pad(part, (0, 0, 0, 5) if part.dim() == 3 else (0, 5)) for part in given))
    torch.testing.assert_close(block(longer, target), out)


@pytest.mark.parametrize("name", BLOCKS)
def test_no_row_reads_another_and_one_row_trains(name):
    block = made(name)
    given, target = past()
    out = block(given, target)
    alone = [(Past(*(part[row : row + 1] for part in given)), target[row : row + 1]) for row in range(len(target))]
    for row, (one, asked) in enumerate(alone):
        torch.testing.assert_close(block(one, asked)[0], out[row])
    block.train()
    for one, asked in alone:
        assert torch.isfinite(block(one, asked)).all()


@pytest.mark.parametrize("name", [*BLOCKS, *FURTHER])
def test_candidates_that_share_a_past_get_what_rows_of_their_own_get(name):
    """Seven candidates for each of four pasts, one of them empty, one candidate without a vector."""
    block, c = made(name), 7
    given, _ = past()
    draw = torch.Generator().manual_seed(3)
    target = torch.randn(len(LENGTHS), c, D, generator=draw, dtype=torch.float64)
    target[:, 2] = 0.0
    alike = torch.rand(len(LENGTHS), c, given.mask.shape[1], generator=draw) < 0.5
    rows = Past(*(part.repeat_interleave(c, 0) for part in given))
    rows = rows._replace(alike=alike.flatten(0, 1) & rows.mask)
    want = block(rows, target.flatten(0, 1)).unflatten(0, (len(LENGTHS), c))
    with torch.inference_mode():
        found = block.each(block.once(given), target, alike if block.searches else None)
        one = block.each(block.once(Past(*(part[3:] for part in given))), target[3:, 4:5], alike[3:, 4:5])
    assert want[1:].std() > 1e-3
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(one, want[3:, 4:5], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["din", "bst"])
def test_candidates_in_turns_get_the_same(name, monkeypatch):
    block = made(name)
    given, target = past((6, 6))
    target = torch.stack([target, -target, 2 * target], 1)
    whole = block.each(block.once(given), target, None)
    monkeypatch.setattr(in_turns, "AT_ONCE", 1)
    torch.testing.assert_close(block.each(block.once(given), target, None), whole)


@pytest.mark.parametrize("name", BLOCKS)
def test_candidate_and_events_are_noticed(name):
    """SDIM's buckets are steps, so the candidate is turned round and not only moved."""
    block = made(name)
    given, target = past((6, 6, 6))
    out = block(given, target)
    assert ((block(given, -target) - out).abs().amax(1) > 1e-6).all()
    moved = given._replace(x=given.x.clone())
    moved.x[:, -1] *= -1
    moved.alike[:, -1] = True
    assert ((block(moved, target) - block(given._replace(alike=moved.alike), target)).abs().amax(1) > 1e-6).all()


def test_dice_is_a_gate_of_the_normed_value():
    """Written out for a batch, and with the running figures when it is asked for one row."""
    torch.manual_seed(0)
    dice, x = Dice(3), torch.randn(50, 3) * 2 + 1
    with torch.no_grad():
        dice.slope.copy_(torch.tensor([0.0, 0.25, 1.0]))
    p = torch.sigmoid((x - x.mean(0)) / x.std(0, unbiased=False))
    torch.testing.assert_close(dice(x), p * x + (1 - p) * dice.slope * x)
    torch.testing.assert_close(dice(x)[:, 2], x[:, 2])  # with a slope of one it is no bend at all
    dice.eval()
    torch.testing.assert_close(dice(x[:1]), dice(x)[:1])


def test_weights_of_din_do_not_sum_to_one_and_with_softmax_they_do():
    """Twice the same past is twice the interest, unless weights are shared out."""
    torch.manual_seed(0)
    x, target = torch.randn(2, 5, D), torch.randn(2, D)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    twice, both = torch.cat([x, x], 1), torch.cat([mask, mask], 1)
    plain, shared = (TargetAttention(D, hidden=(6,), softmax=softmax).eval() for softmax in (False, True))
    torch.testing.assert_close(plain(twice, both, target), 2 * plain(x, mask, target))
    torch.testing.assert_close(shared(twice, both, target), shared(x, mask, target))
    ones = torch.ones_like(x)
    torch.testing.assert_close(shared(ones, mask, target), torch.ones(2, D))


def test_din_weighs_by_event_candidate_difference_and_product():
    torch.manual_seed(0)
    block = TargetAttention(D, hidden=(6,)).eval()
    x, target = torch.randn(1, 3, D), torch.randn(1, D)
    first, dice, last = block.weigh
    want = 0
    for event in x[0]:
        read = torch.cat([event, target[0], event - target[0], event * target[0]])
        want = want + last(dice(first(read)[None]))[0] * event
    torch.testing.assert_close(block(x, torch.ones(1, 3, dtype=torch.bool), target)[0], want)


def test_padding_does_not_move_what_an_activation_learns_of_its_inputs():
    """The running mean of DIN's activation after a step is that of the events, however far rows are padded."""
    torch.manual_seed(0)
    block = TargetAttention(D, hidden=(6,))
    given, target = past(width=6)
    x, target = given.x.float(), target.float()
    wide = torch.nn.functional.pad(x, (0, 0, 0, 40))
    mask = torch.nn.functional.pad(given.mask, (0, 40))
    found = []
    for there, events in ((given.mask, x), (mask, wide)):
        block.weigh[1].norm.reset_running_stats()
        found.append((block.train()(events, there, target), block.weigh[1].norm.running_mean.clone()))
    torch.testing.assert_close(found[0], found[1])
    assert found[0][1].abs().max() > 1e-3


def test_augru_scales_the_update_gate():
    torch.manual_seed(0)
    block = Augru(D).double()
    x, weight = torch.randn(1, 3, D).double(), torch.tensor([[0.2, 1.0, 0.5]]).double()
    w, u = block.inputs.weight.detach().numpy(), block.states.weight.detach().numpy()
    bw, bu = block.inputs.bias.detach().numpy(), block.states.bias.detach().numpy()
    h = np.zeros(D)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    for event, share in zip(x[0].numpy(), weight[0].numpy(), strict=True):
        i, s = w @ event + bw, u @ h + bu
        update, reset = share * sigmoid(i[:D] + s[:D]), sigmoid(i[D : 2 * D] + s[D : 2 * D])
        h = (1 - update) * h + update * np.tanh(i[2 * D :] + reset * s[2 * D :])
    there = torch.ones(1, 3, dtype=torch.bool)
    np.testing.assert_allclose(block(x, weight, there).detach().numpy()[0], h)
    there[0, 1:] = False
    cut = block(x[:, :1], weight[:, :1], there[:, :1])
    torch.testing.assert_close(block(x, weight, there), cut)


def test_loss_of_the_next_event_by_hand():
    """Row 0 has two steps, of which one has a negative; row 1 has a single event and no step."""
    states = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]], [[1.0, 1.0]] * 3])
    x = torch.tensor([[[5.0, 5.0], [3.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]] * 3])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    given = Past(x, mask, torch.zeros(2, 3), mask)
    negative = torch.tensor([[[7.0, 7.0], [-1.0, 0.0], [4.0, 4.0]], [[1.0, 1.0]] * 3])
    known = torch.tensor([[True, True, False], [True, True, True]])
    # Steps: <(1,0),(3,0)> = 3 yes, <(1,0),(-1,0)> = -1 no; <(0,2),(0,-1)> = -2 yes, no negative.
    want = (np.log1p(np.exp(-3)) + np.log1p(np.exp(-1)) + np.log1p(np.exp(2))) / 2
    assert next_event_loss(states, given, negative, known).item() == pytest.approx(want, rel=1e-6)


def test_negatives_are_true_negatives():
    """Never padding's neighbour, never an item of the row's own past; with nothing else to take, none."""
    rng = np.random.default_rng(0)
    tokens = np.array([[2, 3, 4, 5, 0], [6, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    for _ in range(50):
        out = negatives_of(tokens, 8, rng)
        assert ((out == PADDING) | ((out >= FIRST) & (out < FIRST + 8))).all()
        assert not out[tokens == PADDING].any()
        for row in range(3):
            assert not set(out[row][out[row] > 0].tolist()) & set(tokens[row].tolist())
    # Draws fail with chance 1/2 and are repeated four times: nearly all of the first row's have one.
    many = negatives_of(np.repeat(tokens[:1], 2000, 0), 8, rng)
    assert (many[:, :4] > 0).mean() > 0.95
    assert not negatives_of(np.array([[2, 3]]), 2, rng).any()


def test_sessions_are_cut_by_the_pause():
    """Pauses of 61 s cut and of 60 s do not; of each session the latest events stay, of the sessions the latest."""
    block = SessionInterest(1, gap_s=60.0, sessions=2, length=2, heads=1)
    at = [0, 60, 121, 181, 241, 302]
    ages = torch.tensor([[1000.0 - t for t in at], [500.0, 400.0, 0, 0, 0, 0], [0.0] * 6])
    mask = torch.tensor([[True] * 6, [True, True, False, False, False, False], [False] * 6])
    x = torch.arange(1.0, 7.0).expand(3, 6).unsqueeze(-1)
    out, there = block.divided(Past(x, mask, ages, mask))
    # 1,2 | 3,4,5 | 6: the first session is too old, of the second the latest two stay, latest first.
    assert out[0].squeeze(-1).tolist() == [[5, 4], [6, 0]]
    assert there[0].tolist() == [[True, True], [True, False]]
    assert out[1].squeeze(-1).tolist() == [[1, 0], [2, 0]]
    assert not there[2].any()


def test_multi_head_attention_by_hand():
    block = made("sim").parts[1].read
    given, target = past((3,), width=3)
    dated = given.x + block.ages(given.age)
    q, k, v = (part.weight.detach() for part in (block.ask, block.key, block.value))
    want = []
    for head in (slice(0, 2), slice(2, 4)):
        logit = (dated @ k.T)[0][:, head] @ (q @ target[0])[head] / 2**0.5
        want.append(torch.softmax(logit, 0) @ (dated @ v.T)[0][:, head])
    torch.testing.assert_close(block(given, target)[0], torch.cat(want))


def test_ages_fall_into_powers_of_two_and_place_does_not_matter():
    ages = AgeVectors(2)
    seconds = torch.tensor([[0.0, 1.0, 3.0, 86_400.0, 1e12, -3.0]])
    found = ages(seconds)[0]
    for row, bucket in enumerate([0, 1, 2, 16, AGES - 1, 0]):
        assert torch.equal(found[row], ages.weight[bucket])
    block = made("bst")
    given, target = past((5,), width=5)
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = Past(*(part[:, order] for part in given))
    torch.testing.assert_close(block(mixed, target), block(given, target))


def test_hard_search_finds_the_latest_of_the_label_and_nothing_else():
    given, target = past((6, 2, 0), width=6)
    alike = torch.tensor([[True, False, True, True, False, True], [False, True, True, True, True, True], [True] * 6])
    found = SameLabel(3)(given._replace(alike=alike), target)
    assert found.mask.tolist() == [[True] * 3, [True, False, False], [False] * 3]
    assert torch.equal(found.x[0], given.x[0, [5, 3, 2]])
    assert torch.equal(found.x[1, :1], given.x[1, [1]])
    assert torch.equal(found.age[0], given.age[0, [5, 3, 2]])
    assert SameLabel(50)(given, target).mask.sum(1).tolist() == (given.alike & given.mask).sum(1).tolist()


def test_hashes_are_drawn_from_the_seed_and_travel_with_the_network():
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append((NearestByHash(D, 3, 16).directions, HashedAttention(D).directions))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[2][0])
    other = NearestByHash(D, 3, 16)
    other.load_state_dict({"directions": found[0][0]})
    given, target = past((6, 6))
    torch.manual_seed(1)
    same = NearestByHash(D, 3, 16)
    assert torch.equal(other.double()(given, target).x, same.double()(given, target).x)


def test_with_many_bits_hash_search_is_search_by_angle():
    torch.manual_seed(0)
    given, target = past((40,) * 20, width=40, seed=3)
    cosine = torch.nn.functional.cosine_similarity(given.x, target.unsqueeze(1), dim=-1)
    exact = cosine.topk(5, dim=1).indices
    shared = []
    for bits in (4, 64, 4096):
        found = NearestByHash(D, 5, bits).double()(given, target)
        mine = [{tuple(row) for row in rows} for rows in found.x.tolist()]
        truth = [{tuple(row) for row in given.x[b, exact[b]].tolist()} for b in range(20)]
        shared.append(np.mean([len(a & b) / 5 for a, b in zip(mine, truth, strict=True)]))
    assert shared[0] < shared[1] < shared[2]
    assert shared[2] > 0.9


def test_with_many_bucketings_hashed_attention_is_attention_by_angle():
    """The chance to share a bucket is (1 - angle / pi)^width, and the mean over bucketings estimates it."""
    torch.manual_seed(0)
    given, target = past((6, 4, 1))
    cosine = torch.nn.functional.cosine_similarity(given.x, target.unsqueeze(1), dim=-1)
    weight = (1 - torch.arccos(cosine) / torch.pi) ** 3 * given.mask
    exact = (weight.unsqueeze(-1) * given.x).sum(1)
    error = []
    for groups in (10, 1000, 30_000):
        block = HashedAttention(D, groups=groups, width=3, normalise=False).double()
        error.append((block(given, target) - exact).abs().max().item())
    assert error[0] > error[1] > error[2]
    assert error[2] < 0.02
    lengths = HashedAttention(D, groups=1, width=1).double()(given, target).norm(dim=1)
    assert all(length == pytest.approx(1.0) or length == 0.0 for length in lengths.tolist())


def test_the_latest_of_a_past_and_its_mean():
    given, _ = past((0, 1, 6))
    last = given.last(2)
    assert last.mask.tolist() == [[False, False], [True, False], [True, True]]
    assert torch.equal(last.x[2], given.x[2, 4:])
    assert torch.equal(last.x[1, 0], given.x[1, 0])
    torch.testing.assert_close(mean_of(given)[2], given.x[2].mean(0))
    assert not mean_of(given)[0].any()


def test_a_column_of_requests_is_kept_once_and_read_by_row():
    column = ByRequest(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1, 0]))
    assert len(column) == 3
    assert column[torch.tensor([2, 0])].tolist() == [[1, 2], [3, 4]]
    assert column[1:].tolist() == [[3, 4], [1, 2]]
