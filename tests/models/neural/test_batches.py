import numpy as np
import torch

from shortlist.core.types import History
from shortlist.models.neural.batches import Sequences, buckets, row_batches, windows
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.ranking import next_ndcg, sample
from shortlist.models.neural.sequence_encoder import SequenceEncoder
from shortlist.models.neural.sequence_task import NextItem, ask


def test_windows_are_cut_back_from_the_latest_event():
    cut = windows(History.of([[2, 3, 4, 5, 6], [7], []]), 3, least=2)
    assert [cut.token[a:b].tolist() for a, b in zip(cut.offsets[:-1], cut.offsets[1:], strict=True)] == [
        [4, 5, 6],
        [2, 3, 4],
    ]
    assert cut.owner.tolist() == [0, 0]
    assert windows(History.of([[2, 3, 4, 5, 6]]), 3, every=False).token.tolist() == [4, 5, 6]


def test_every_event_but_the_first_is_a_target_once():
    rng = np.random.default_rng(0)
    history = History.of([list(range(2, 2 + n)) for n in (0, 1, 2, 11, 23, 10_000)])
    task = NextItem(history, None, max_len=7, batch_size=4)
    told = []
    for batch in task.batches(1, rng):
        told += batch["targets"][batch["targets"] > 0].tolist()
        assert batch["tokens"].shape[1] <= 7
        assert ((batch["tokens"] > 0) == (batch["targets"] > 0)).all()
    wanted = [token for n in (2, 11, 23, 10_000) for token in range(3, 2 + n)]
    assert sorted(told) == sorted(wanted)


def test_batches_hold_everything_once_and_waste_little():
    lengths = np.random.default_rng(0).integers(1, 200, 5000)
    seen, padded = [], 0
    for rows in buckets(lengths, 64, np.random.default_rng(1)):
        seen += rows.tolist()
        padded += len(rows) * lengths[rows].max()
    assert sorted(seen) == list(range(5000))
    assert padded < 1.1 * lengths.sum()
    assert sorted(np.concatenate(list(row_batches(10, 3, np.random.default_rng(0))))) == list(range(10))


def test_padding_stands_right_and_time_starts_at_zero():
    flat = Sequences(np.array([5, 6, 7]), np.array([100.0, 130.0, 7.0]), np.array([0, 2, 3]), np.array([0, 1]))
    tokens, seconds = flat.padded(np.array([1, 0]))
    assert tokens.tolist() == [[7, 0], [5, 6]]
    assert seconds.tolist() == [[0, 0], [0, 30]]
    tokens, seconds = ask(flat, np.array([1, 0]), 1)
    assert tokens.tolist() == [[7, 1, 0], [5, 6, 1]]
    assert seconds.tolist() == [[0, 0, 0], [0, 30, 30]]


def test_positions_mean_the_same_whatever_is_padded_around():
    """Learned positions count from the latest event, so padding and batch mates change nothing."""
    torch.manual_seed(0)
    net = SequenceEncoder(ItemEncoder(9, 4, scale=1.0), torch.nn.Identity(), max_len=6)
    net.block = _Plain()
    net.eval()
    alone = net.last(torch.tensor([[2, 3]]))
    padded = net.last(torch.tensor([[2, 3, 0, 0], [4, 5, 6, 7]]))[:1]
    torch.testing.assert_close(alone, padded)


class _Plain(torch.nn.Module):
    def forward(self, x, mask, dt=None):
        return x


def test_the_figure_is_ndcg_with_ties_against_the_model_and_seen_items_out():
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.5, 0.5, 0.5], [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    row, item = torch.tensor([0, 3]), torch.tensor([0, 1])
    figures = next_ndcg(scores, torch.tensor([1, 1, -1, 1]), row, item)
    # Second of three, but the first is seen; last of three by ties; unknown; itself seen.
    assert figures.tolist() == [1.0, 0.5, 0.0, 0.0]
    assert next_ndcg(torch.arange(30.0)[None], torch.tensor([0]), row[:0], item[:0]).tolist() == [0.0]


def test_validation_users_are_capped_and_fixed_by_the_seed():
    assert sample(5, 10, 0).tolist() == [0, 1, 2, 3, 4]
    assert len(sample(100, 10, 0)) == 10
    assert sample(100, 10, 3).tolist() == sample(100, 10, 3).tolist()
