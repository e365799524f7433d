"""Every sequence block: no look into the future, no leak from padding, finite for one event and one sequence."""

import pytest
import torch

from shortlist.models.neural.blocks.attention import Attention, SelfAttention
from shortlist.models.neural.blocks.capsule import Capsules
from shortlist.models.neural.blocks.cnn import DilatedCnn, WindowCnn
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.fuxi import Fuxi
from shortlist.models.neural.blocks.gru import Gru
from shortlist.models.neural.blocks.hstu import Hstu
from shortlist.models.neural.blocks.latent_think import LatentThink
from shortlist.models.neural.blocks.ligr import Ligr
from shortlist.models.neural.blocks.mamba import Mamba, MambaLayer
from shortlist.models.neural.blocks.mean_pool import LastAndMean, MeanPool
from shortlist.models.neural.blocks.multi_interest import MultiInterest, label_aware
from shortlist.models.neural.blocks.target_attention import TargetAttention

D = 8
CAUSAL = {
    "gru": lambda: Gru(D, hidden=12, layers=2, dropout=0.5),
    "attention_pre": lambda: Attention(D, heads=2, norm="pre", dropout=0.5),
    "attention_post": lambda: Attention(D, norm="post", activation="relu", dropout=0.5),
    "attention_places": lambda: Attention(D, heads=2, dropout=0.5, places=5),
    "ligr": lambda: Ligr(D, heads=2, dropout=0.5),
    "ligr_places": lambda: Ligr(D, heads=2, dropout=0.5, places=5),
    "hstu": lambda: Hstu(D, max_len=9, heads=2, dropout=0.5),
    "fuxi": lambda: Fuxi(D, max_len=9, dropout=0.5),
    "dilated_cnn": lambda: DilatedCnn(D, dilations=(1, 2), dropout=0.5),
    "window_cnn": lambda: WindowCnn(D, window=3, dropout=0.5),
    "mamba": lambda: Mamba(D, state=4, layers=2, dropout=0.5),
    "mean_pool": lambda: MeanPool(D, hidden=(6,), dropout=0.5),
    "last_and_mean": lambda: LastAndMean(D, dropout=0.5),
}


def sequence(length=7, b=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(b, length, D, generator=draw)
    dt = torch.rand(b, length, generator=draw).cumsum(1) * 3600
    return x, torch.ones(b, length, dtype=torch.bool), dt - dt[:, :1]


def made(name, seed=1):
    torch.manual_seed(seed)
    return CAUSAL[name]().eval()


@pytest.mark.parametrize("name", CAUSAL)
def test_the_future_is_never_seen(name):
    block, (x, mask, dt) = made(name), sequence()
    later = x.clone()
    later[:, 4:] *= -10
    moved = dt.clone()
    moved[:, 4:] += 1e6
    before, after = block(x, mask, dt), block(later, mask, moved)
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=1e-5, atol=1e-6)
    assert (before[:, 4:] - after[:, 4:]).abs().max() > 1e-3, "and what is changed is noticed"


@pytest.mark.parametrize("name", CAUSAL)
def test_the_past_is_used(name):
    block, (x, mask, dt) = made(name), sequence()
    other = x.clone()
    other[:, 5] *= -3
    assert (block(x, mask, dt)[:, 6] - block(other, mask, dt)[:, 6]).abs().max() > 1e-4


@pytest.mark.parametrize("name", [*CAUSAL, "bidirectional"])
def test_padding_changes_nothing(name):
    if name == "bidirectional":
        torch.manual_seed(1)
        block = Attention(D, heads=2, causal=False).eval()
    else:
        block = made(name)
    x, mask, dt = sequence(5)
    padded = torch.cat([x, torch.full((3, 2, D), 50.0)], dim=1)
    there = torch.cat([mask, torch.zeros(3, 2, dtype=torch.bool)], dim=1)
    longer = torch.cat([dt, torch.zeros(3, 2)], dim=1)
    out = block(padded, there, longer)
    torch.testing.assert_close(out[:, :5], block(x, mask, dt), rtol=1e-5, atol=1e-6)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("name", CAUSAL)
def test_one_event_of_one_sequence(name):
    block, (x, mask, dt) = made(name), sequence(1, 1)
    assert torch.isfinite(block(x, mask, dt)).all()
    y = block.train()(x, mask, dt)
    assert torch.isfinite(y).all(), "nor does training stumble over it"


@pytest.mark.parametrize("name", CAUSAL)
def test_dropout_is_off_when_scoring(name):
    block, (x, mask, dt) = made(name), sequence()
    assert torch.equal(block(x, mask, dt), block(x, mask, dt))


def test_hidden_numbers_are_scaled_for_and_follow_the_seed():
    drop, x = Dropout(0.25), torch.ones(200, 500)
    torch.manual_seed(3)
    one = drop(x)
    torch.manual_seed(3)
    assert torch.equal(one, drop(x))
    assert not torch.equal(one, drop(x))
    assert sorted(one.unique().tolist()) == pytest.approx([0.0, 4 / 3])
    assert one.mean().item() == pytest.approx(1.0, abs=0.02)
    assert drop.eval()(x) is x


def test_attention_agrees_with_its_definition():
    torch.manual_seed(0)
    look, (x, mask, _) = SelfAttention(D, 2), sequence()
    q, k, v = look.qkv(x).view(3, 7, 3, 2, D // 2).unbind(2)
    heads = []
    for h in range(2):
        logit = q[:, :, h] @ k[:, :, h].transpose(1, 2) / (D // 2) ** 0.5
        logit = logit.masked_fill(~torch.ones(7, 7).tril().bool(), -torch.inf)
        heads.append(torch.softmax(logit, -1) @ v[:, :, h])
    torch.testing.assert_close(look(x, mask), look.out(torch.cat(heads, -1)), rtol=1e-5, atol=1e-6)


def test_bidirectional_attention_sees_both_sides():
    torch.manual_seed(0)
    block, (x, mask, _) = Attention(D, causal=False).eval(), sequence()
    later = x.clone()
    later[:, 6] *= -3
    assert (block(x, mask)[:, 0] - block(later, mask)[:, 0]).abs().max() > 1e-4


def test_hstu_weights_do_not_depend_on_how_long_the_rest_is():
    """Divided by the largest length: a prefix has the states it had inside the whole."""
    block, (x, mask, dt) = made("hstu"), sequence()
    torch.testing.assert_close(block(x, mask, dt)[:, :3], block(x[:, :3], mask[:, :3], dt[:, :3]), rtol=1e-5, atol=1e-6)


def test_hstu_agrees_with_its_definition():
    """The bias of places and time is added before the silu: added after it, it would weigh whatever the events say."""
    block, (x, _, dt) = made("hstu"), sequence()
    layer, seen = block.layers[0], torch.ones(7, 7).tril()
    u, v, q, k = torch.nn.functional.silu(layer.uvqk(layer.norm_in(x))).chunk(4, dim=-1)
    bias = layer.place(7) + layer.time(dt)
    half, mixed, after = D // 2, [], []
    for h in (slice(0, half), slice(half, D)):
        logit = q[..., h] @ k[..., h].transpose(1, 2)
        mixed.append((torch.nn.functional.silu(logit + bias) * seen / 9) @ v[..., h])
        after.append(((torch.nn.functional.silu(logit) + bias) * seen / 9) @ v[..., h])
    found = layer(x, seen.bool(), dt)
    right, wrong = (x + layer.out(u * layer.norm_out(torch.cat(each, -1))) for each in (mixed, after))
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(found, wrong, rtol=1e-3)


@pytest.mark.parametrize("name", ["gru", "mamba"])
def test_a_state_starts_anew_for_every_sequence(name):
    """Whatever was read before it, in this batch or in the last one."""
    block, (x, mask, dt) = made(name), sequence()
    whole = block(x, mask, dt)
    block(-x, mask, dt)
    for b in range(3):
        alone = block(x[b : b + 1], mask[b : b + 1], dt[b : b + 1])
        torch.testing.assert_close(alone, whole[b : b + 1], rtol=1e-5, atol=1e-6)


def test_mamba_agrees_with_its_recurrence():
    """One event after another, in numbers of its own."""
    torch.manual_seed(2)
    layer, (x, _, _) = MambaLayer(D, state=3), sequence(5, 1)
    h, gate = layer.into(x[0]).chunk(2, dim=-1)
    read = torch.cat([torch.zeros(3, 2 * D), h])
    h = torch.stack([(read[t : t + 4].T * layer.conv.weight[:, 0]).sum(1) + layer.conv.bias for t in range(5)])
    h = torch.nn.functional.silu(h)
    state, out = torch.zeros(2 * D, 3), []
    for t in range(5):
        low, b, c = layer.select(h[t]).split([1, 3, 3])
        step = torch.nn.functional.softplus(layer.step(low))
        decay = torch.exp(-step[:, None] * torch.arange(1, 4))
        state = decay * state + (step * h[t])[:, None] * b
        out.append(state @ c + layer.skip * h[t])
    wanted = layer.out(torch.stack(out) * torch.nn.functional.silu(gate))
    torch.testing.assert_close(layer(x)[0], wanted, rtol=1e-4, atol=1e-6)


def test_time_counts_where_the_block_reads_it():
    for name in ("hstu", "fuxi"):
        block, (x, mask, dt) = made(name), sequence()
        assert (block(x, mask, dt)[:, -1] - block(x, mask, dt * 1000)[:, -1]).abs().max() > 1e-5


def test_thoughts_change_only_the_latest_state():
    torch.manual_seed(0)
    inner, (x, mask, dt) = Attention(D).eval(), sequence()
    mask[0, 5:] = False
    plain, thought = inner(x, mask, dt), LatentThink(inner, D, steps=2).eval()(x, mask, dt)
    assert torch.equal(plain[0, :4], thought[0, :4])
    assert not torch.allclose(plain[0, 4], thought[0, 4])
    assert not torch.allclose(plain[1, 6], thought[1, 6])
    alone = LatentThink(inner, D, steps=0)(x, mask, dt)
    assert torch.equal(alone, plain)


def test_thoughts_ignore_padding():
    torch.manual_seed(0)
    think, (x, mask, _) = LatentThink(Gru(D), D, steps=2).eval(), sequence(5)
    padded = torch.cat([x, torch.full((3, 2, D), 9.0)], dim=1)
    there = torch.cat([mask, torch.zeros(3, 2, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(think(padded, there)[:, 4], think(x, mask)[:, 4], rtol=1e-5, atol=1e-6)


# --- readouts -------------------------------------------------------------------------------------------------------


def test_capsules_have_as_many_interests_as_the_history_deserves_and_no_leak():
    torch.manual_seed(0)
    block, (x, mask, _) = Capsules(D, interests=4, max_len=9).eval(), sequence(9)
    mask[0, 1:] = False  # one event: one interest; 9 events: three
    out = block(x, mask)
    assert (out != 0).any(-1).sum(1).tolist() == [1, 3, 3]
    changed = x.clone()
    changed[0, 1:] = 100.0
    changed[1:] += 1
    torch.testing.assert_close(block(changed, mask)[0], out[0])
    assert torch.equal(out, block(x, mask)), "scoring repeats itself"
    assert not torch.equal(block.train()(x, mask), block(x, mask)), "training draws its start anew"
    assert "start" not in dict(block.named_parameters())


def test_multi_interest_ignores_padding_and_other_rows():
    torch.manual_seed(0)
    block, (x, mask, _) = MultiInterest(D, interests=3, max_len=9).eval(), sequence(6)
    padded = torch.cat([x, torch.full((3, 2, D), 9.0)], dim=1)
    there = torch.cat([mask, torch.zeros(3, 2, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(block(padded, there), block(x, mask), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(block(x[:1], mask[:1]), block(x, mask)[:1], rtol=1e-5, atol=1e-6)


def test_label_aware_takes_the_interest_that_fits():
    interests = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    target = torch.tensor([[0.1, 0.9]])
    assert label_aware(interests, target, power=float("inf")).tolist() == [[0.0, 1.0]]
    soft = label_aware(interests, target)
    assert soft[0, 1] > soft[0, 0] > 0
    assert soft.sum().item() == pytest.approx(1.0), "an interest the user does not have gets no weight"


@pytest.mark.parametrize("softmax", [False, True])
def test_target_attention_hides_padding_and_survives_an_empty_history(softmax):
    torch.manual_seed(0)
    block, (x, mask, _) = TargetAttention(D, hidden=(6,), softmax=softmax).eval(), sequence(5)
    target = torch.randn(3, D)
    mask[0] = False
    mask[1, 3:] = False
    out = block(x, mask, target)
    changed = x.clone()
    changed[1, 3:] = 100.0
    torch.testing.assert_close(block(changed, mask, target), out)
    assert not out[0].any()
    one = block.train()(x[:1, :1], mask[1:2, :1], target[:1])
    assert torch.isfinite(one).all(), "a batch of one row trains"


def test_a_bias_of_places_weighs_by_distance_alone():
    """Oracle: softmax of products and bias, written out; a place too far back shares the last number."""
    torch.manual_seed(0)
    look, (x, mask, _) = SelfAttention(D, places=4).eval(), sequence(length=6, b=2)
    with torch.no_grad():
        look.place.weight.copy_(torch.tensor([0.5, -1.0, 2.0, 1.0]))
        q, k, v = look.qkv(x).chunk(3, dim=-1)
        logits = q @ k.transpose(1, 2) / D**0.5
        for i in range(6):
            for j in range(6):
                logits[:, i, j] += look.place.weight[min(i - j, 3)] if j <= i else -torch.inf
        torch.testing.assert_close(look(x, mask), look.out(logits.softmax(-1) @ v), rtol=1e-5, atol=1e-6)


def test_attention_can_start_as_a_mean_that_weighs_late_events_most():
    torch.manual_seed(0)
    look, (x, mask, _) = SelfAttention(D, heads=2, places=6), sequence(length=5, b=2)
    look.start_as_mean()
    weight = 1 / torch.arange(1, 6.0).flip(0)
    with torch.inference_mode():
        mean = (x * weight[:, None]).sum(1) / weight.sum()
        torch.testing.assert_close(look(x, mask)[:, -1], mean, rtol=1e-5, atol=1e-6)
