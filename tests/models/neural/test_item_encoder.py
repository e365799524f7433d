import numpy as np
import pytest
import torch

from shortlist.models.neural.fields import Field, Schema
from shortlist.models.neural.fusion import FUSIONS
from shortlist.models.neural.item_encoder import ItemEncoder, tokens_of
from shortlist.models.neural.remembered import Remembered


def content(n_tokens=6):
    colours = [None, None, "red", "blue", "red", None][:n_tokens]
    schema = Schema([Field("colour", "id")]).fit({"colour": colours[2:5]})
    return {"schema": schema, "columns": schema.encode({"colour": colours}), "n_tokens": n_tokens}


def test_ids_alone_are_a_table():
    items = ItemEncoder(4, 3)
    assert items.table() is items.ids.weight
    assert not items(torch.tensor([0])).any(), "padding is zero"
    torch.testing.assert_close(items(torch.tensor([[2, 5]]))[0], items.known_table()[[0, 3]])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_content_reaches_items_without_events(fusion):
    torch.manual_seed(0)
    items = ItemEncoder(
        2, 4, fusion=fusion, scale=1.0, **content()
    ).eval()  # tokens 2 and 3 have events, 4 and 5 do not
    table = items.table()
    assert not table[0].any()
    assert table[4].abs().sum() > 0, "token 4 has a colour"
    torch.testing.assert_close(items(torch.tensor([[4, 2, 0]]))[0], table[[4, 2, 0]])
    # Token 5 has neither id nor colour: whatever it gets, it must not be NaN.
    assert torch.isfinite(table).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_missing_channel_adds_nothing_whatever_it_holds(fusion):
    torch.manual_seed(0)
    fuse = FUSIONS[fusion](3, 4)
    vectors = torch.randn(5, 3, 4)
    present = torch.tensor([[True, True, False]]).expand(5, 3)
    changed = vectors.clone()
    changed[:, 2] = 1e6
    torch.testing.assert_close(fuse(vectors, present), fuse(changed, present))


def test_id_dropout_hides_ids_in_training_only():
    torch.manual_seed(0)
    items = ItemEncoder(2, 4, id_dropout=1.0, fusion="weighted", scale=1.0, **content())
    both = torch.tensor([2, 4])  # both red
    hidden = items.train()(both)
    torch.testing.assert_close(hidden[0], hidden[1])
    shown = items.eval()(both)
    assert not torch.allclose(shown[0], shown[1])


def test_codes_replace_the_table():
    codes = np.array([[0, 0], [1, 1], [2, 3], [3, 2]])
    items = ItemEncoder(2, 4, codes=codes)
    assert sum(p.numel() for p in items.parameters()) == 2 * 4 * 2
    torch.testing.assert_close(items(torch.tensor([3]))[0], items.table()[3])
    assert not items(torch.tensor([0])).any()


def test_items_with_events_come_first_in_natural_order():
    token, n_known = tokens_of(np.array([0, 3, 0, 1]), np.array([2, 3, 1, 0]))
    assert n_known == 2
    assert token.tolist() == [5, 3, 4, 2]


def test_a_remembered_item_is_worked_out_once_and_stays_what_it_was(monkeypatch):
    torch.manual_seed(0)
    items = ItemEncoder(2, 4, scale=1.0, **content()).double().eval()
    kept, asked = Remembered(items), []
    monkeypatch.setattr(
        items, "forward", lambda tokens, plain=items.forward: asked.append(tokens.tolist()) or plain(tokens)
    )
    with torch.inference_mode():
        whole = items(torch.arange(6))
        asked.clear()
        for tokens in ([[2, 5], [2, 0]], [[5, 2]], [[1, 3]], [[0, 1, 2, 3, 5]]):
            torch.testing.assert_close(kept(torch.tensor(tokens)), whole[torch.tensor(tokens)])
    assert asked == [[0, 2, 5], [1, 3]]
    assert kept.get_buffer("column_colour") is items.get_buffer("column_colour")
