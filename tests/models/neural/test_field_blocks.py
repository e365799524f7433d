"""Field blocks against their formulas, written out with loops in numpy."""

import itertools

import numpy as np
import pytest
import torch

from shortlist.models.neural.blocks.fields.afm import Afm
from shortlist.models.neural.blocks.fields.bi_pool import BiPool
from shortlist.models.neural.blocks.fields.bilinear import Bilinear
from shortlist.models.neural.blocks.fields.cin import Cin
from shortlist.models.neural.blocks.fields.cross_v1 import CrossV1
from shortlist.models.neural.blocks.fields.cross_v2 import CrossV2
from shortlist.models.neural.blocks.fields.factorised_cross import FactorisedCross
from shortlist.models.neural.blocks.fields.ffm import Ffm
from shortlist.models.neural.blocks.fields.field_attention import FieldAttention
from shortlist.models.neural.blocks.fields.fm import Fm
from shortlist.models.neural.blocks.fields.fwfm import FwFm
from shortlist.models.neural.blocks.fields.gdcn import GatedCross
from shortlist.models.neural.blocks.fields.gmf import Gmf
from shortlist.models.neural.blocks.fields.inner_product import InnerProduct
from shortlist.models.neural.blocks.fields.linear import Linear
from shortlist.models.neural.blocks.fields.mask import MaskBlock, ParallelMasks
from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.blocks.fields.outer_product import OuterProduct
from shortlist.models.neural.blocks.fields.senet import SeNet
from shortlist.models.neural.blocks.fields.shapes import Norm, SideBySide, Together
from shortlist.models.neural.blocks.fields.token_mixing import TokenMixing
from shortlist.models.neural.blocks.fields.two_stream import FieldGate, FuseBilinear
from shortlist.models.neural.blocks.fields.wukong import WukongLayer
from shortlist.models.neural.fields import Field, Schema
from tests.models.neural.by_hand import answer, linear, relu, sigmoid, softmax, w

N, F, D = 5, 4, 6
PAIRS = list(itertools.combinations(range(F), 2))


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(N, F, D))


def layer_norm(norm, x):
    z = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return z * w(norm.weight) + w(norm.bias)


def test_linear_adds_one_weight_per_code():
    schema = Schema([Field("a", "id"), Field("b", "id")]).fit({"a": ["x", "y"], "b": ["u", "v"]})
    block = Linear(schema)
    with torch.no_grad():
        block.weights.parts["a"].weight[:] = torch.tensor([[0.0], [7.0], [1.0], [2.0]])
        block.weights.parts["b"].weight[:] = torch.tensor([[0.0], [9.0], [10.0], [20.0]])
    codes = schema.encode({"a": ["y", "new", None], "b": ["u", "v", "v"]})
    got = block({name: torch.from_numpy(values) for name, values in codes.items()})
    assert got.tolist() == [12.0, 27.0, 20.0]


def test_fm_and_bi_pool_sum_all_pairs(x):
    pooled = sum(x[:, i] * x[:, j] for i, j in PAIRS)
    np.testing.assert_allclose(answer(BiPool(), x), pooled)
    np.testing.assert_allclose(answer(Fm(), x), pooled.sum(1))


def test_fwfm_weighs_pairs(x):
    block = FwFm(F)
    np.testing.assert_allclose(block.double()(torch.from_numpy(x)).detach().numpy(), answer(Fm(), x))
    got = answer(block, x)
    weight = w(block.weight)
    np.testing.assert_allclose(got, sum(weight[p] * (x[:, i] * x[:, j]).sum(1) for p, (i, j) in enumerate(PAIRS)))


def test_ffm_takes_the_vector_for_the_field_it_meets():
    x = np.random.default_rng(1).normal(size=(N, F, F * 3))
    want = sum((x[:, i, 3 * j : 3 * j + 3] * x[:, j, 3 * i : 3 * i + 3]).sum(1) for i, j in PAIRS)
    np.testing.assert_allclose(answer(Ffm(F), x), want)


def test_inner_and_outer_products(x):
    want = np.stack([(x[:, i] * x[:, j]).sum(1) for i, j in PAIRS], 1)
    np.testing.assert_allclose(answer(InnerProduct(F), x), want)
    total = x.sum(1)
    outer = np.stack([np.outer(row, row).ravel() for row in total])
    np.testing.assert_allclose(answer(OuterProduct(), x), outer)


def test_afm_shares_attention_among_pairs(x):
    block = Afm(F, D, attention=3, dropout=0.5)
    got = answer(block, x)
    products = np.stack([x[:, i] * x[:, j] for i, j in PAIRS], 1)
    share = softmax(relu(linear(block.hidden, products)) @ w(block.weight.weight).T, 1)
    np.testing.assert_allclose(got, linear(block.out, (share * products).sum(1))[:, 0])


def test_senet_scales_whole_fields(x):
    block = SeNet(F, 2)
    got = answer(block, x)
    gate = relu(linear(block.up, relu(linear(block.down, x.mean(2)))))
    assert (gate > 0).any()
    np.testing.assert_allclose(got, x * gate[:, :, None])


@pytest.mark.parametrize("kind", ["all", "each", "pair"])
def test_bilinear_pairs(x, kind):
    block = Bilinear(F, D, kind)
    got = answer(block, x)
    matrix = w(block.matrix)
    pick = {"all": lambda p, i: 0, "each": lambda p, i: i, "pair": lambda p, i: p}[kind]
    want = [(x[:, i] @ matrix[pick(p, i)]) * x[:, j] for p, (i, j) in enumerate(PAIRS)]
    np.testing.assert_allclose(got, np.concatenate(want, 1))


def test_cross_v1_has_one_weight_vector_per_layer(x):
    block = CrossV1(F * D, 2)
    got = answer(block, x)
    start = y = x.reshape(N, -1)
    for layer in range(2):
        y = start * (y @ w(block.weight)[layer])[:, None] + w(block.bias)[layer] + y
    np.testing.assert_allclose(got, y)


def test_cross_v2_multiplies_x0_with_a_matrix_times_x(x):
    block = CrossV2(F * D, 2)
    got = answer(block, x)
    start = y = x.reshape(N, -1)
    for layer in block.layers:
        y = start * (y @ w(layer.weight).T + w(layer.bias)) + y
    np.testing.assert_allclose(got, y)


def test_cross_v2_of_low_rank_mixes_experts(x):
    block = CrossV2(F * D, 1, rank=3, experts=2)
    got = answer(block, x)
    [layer] = block.layers
    start = x.reshape(N, -1)
    gate = softmax(linear(layer.gate, start), 1)
    made = 0
    for e in range(2):
        inner = np.tanh(np.tanh(start @ w(layer.down)[e]) @ w(layer.core)[e])
        made = made + gate[:, e : e + 1] * (inner @ w(layer.up)[e] + w(layer.bias))
    np.testing.assert_allclose(got, start * made + start)


def test_cin_mixes_products_of_vectors(x):
    block = Cin(F, (3, 2))
    got = answer(block, x)
    maps, sums = x, []
    for mix in block.mix:
        new = np.zeros((N, mix.out_features, D))
        for h, i, j in itertools.product(range(mix.out_features), range(maps.shape[1]), range(F)):
            new[:, h] += w(mix.weight)[h, i * F + j] * maps[:, i] * x[:, j]
        maps = relu(new + w(mix.bias)[None, :, None])
        sums.append(maps.sum(2))
    np.testing.assert_allclose(got, np.concatenate(sums, 1))


def test_field_attention(x):
    block = FieldAttention(D, layers=1, heads=2)
    got = answer(block, x)
    query, key, value, kept = np.split(x @ w(block.layers[0].weight).T, 4, axis=2)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        share = softmax(query[..., part] @ key[..., part].transpose(0, 2, 1) / np.sqrt(3), 2)
        heads.append(share @ value[..., part])
    np.testing.assert_allclose(got, relu(np.concatenate(heads, 2) + kept))


def test_masks_multiply_features(x):
    flat = x.reshape(N, -1)
    block = MaskBlock(F * D, F * D, 7)
    got = answer(block, flat, flat)
    mask = linear(block.mask[2], relu(linear(block.mask[0], flat)))
    np.testing.assert_allclose(got, relu(layer_norm(block.norm, (mask * flat) @ w(block.layer.weight).T)))
    parallel = ParallelMasks(F, D, blocks=2, out=7)
    got = answer(parallel, x)
    normed = torch.from_numpy(layer_norm(parallel.norm, x).reshape(N, -1))
    with torch.no_grad():
        each = [one(torch.from_numpy(flat), normed).numpy() for one in parallel.blocks]
    np.testing.assert_allclose(got, np.concatenate(each, 1))


def test_gated_cross(x):
    block = GatedCross(F * D, 2)
    got = answer(block, x)
    start = y = x.reshape(N, -1)
    for cross, gate in zip(block.cross, block.gate, strict=True):
        y = start * linear(cross, y) * sigmoid(linear(gate, y)) + y
    np.testing.assert_allclose(got, y)


def test_field_gate_looks_at_its_own_fields(x):
    block = FieldGate(F, D, [1, 3], 5)
    got = answer(block, x)
    seen = x[:, [1, 3]].reshape(N, -1)
    gate = sigmoid(linear(block.gate[2], relu(linear(block.gate[0], seen))))
    np.testing.assert_allclose(got, x.reshape(N, -1) * 2 * gate)


def test_bilinear_fusion_of_two_streams():
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=(N, 4)), rng.normal(size=(N, 6))
    block = FuseBilinear(4, 6, 2)
    got = answer(block, one, two)
    want = linear(block.first, one)[:, 0] + linear(block.second, two)[:, 0]
    for head in range(2):
        left, right = one[:, 2 * head : 2 * head + 2], two[:, 3 * head : 3 * head + 3]
        want = want + np.einsum("bi,ij,bj->b", left, w(block.matrix)[head], right)
    np.testing.assert_allclose(got, want)


def test_factorised_cross_keeps_one_half_and_the_product(x):
    block = FactorisedCross(F * D, (8, 4))
    got = answer(block, x)
    y = x.reshape(N, -1)
    for layer in block.layers:
        one, two = np.split(linear(layer, y), 2, axis=1)
        y = relu(np.concatenate([one, one * two], 1))
    np.testing.assert_allclose(got, y)


def test_wukong_layer_makes_fields_of_products_and_mixtures(x):
    block = WukongLayer(F, D, made=1, rank=2, hidden=5)
    got = answer(block, x)
    mixed = np.einsum("kf,bfd->bkd", w(block.rank.weight), x)
    products = np.einsum("bfd,bkd->bfk", x, mixed).reshape(N, -1)
    norm, first, _, second = block.inner
    made = linear(second, relu(linear(first, layer_norm(norm, products)))).reshape(N, 1, D)
    kept = np.einsum("kf,bfd->bkd", w(block.mix.weight), x)
    np.testing.assert_allclose(got, layer_norm(block.norm, np.concatenate([made, kept], 1) + x))


def test_token_mixing_hands_head_h_to_token_h():
    x = np.random.default_rng(4).normal(size=(N, 3, 6))
    block = TokenMixing(3, 6)
    got = answer(block, x)
    heads = np.zeros_like(x)
    for token, head in itertools.product(range(3), range(3)):
        heads[:, head, 2 * token : 2 * token + 2] = x[:, token, 2 * head : 2 * head + 2]
    y = layer_norm(block.mixed, heads + x)
    fed = np.zeros_like(y)
    for t in range(3):
        inner = torch.from_numpy(y[:, t] @ w(block.up)[t] + w(block.up_bias)[t])
        fed[:, t] = torch.nn.functional.gelu(inner).numpy() @ w(block.down)[t] + w(block.down_bias)[t]
    np.testing.assert_allclose(got, layer_norm(block.fed, fed + y))


def test_gmf_multiplies_two_fields(x):
    np.testing.assert_allclose(answer(Gmf(0, 2), x), x[:, 0] * x[:, 2])


def test_mlp_and_sums_of_parts(x):
    block = Mlp(F * D, (5,), dropout=0.9)
    got = answer(block, x)
    first, _, _, last = block.layers
    np.testing.assert_allclose(got, linear(last, relu(linear(first, x.reshape(N, -1))))[:, 0])
    np.testing.assert_allclose(answer(Together([Fm(), Fm()]), x), 2 * answer(Fm(), x))
    assert answer(SideBySide([BiPool(), InnerProduct(F)]), x).shape == (N, D + 6)


def test_batch_norm_bears_a_batch_of_one():
    norm = Norm(3).train()
    many, one = torch.randn(8, 3), torch.randn(1, 3)
    torch.testing.assert_close(norm(many).mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    before = norm.running_mean.clone()
    assert torch.isfinite(norm(one)).all()
    assert torch.equal(norm.running_mean, before)
