"""Published samples with two labels, from their files to the scores of both heads. No claim about quality."""

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.data.labelled import load_rows

pytest.importorskip("torch", reason="needs the extra 'nn'")

QUICK = {
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 0.01,
    "start": 0.1,
    "factors": 4,
    "hidden": (8,),
    "towers": (4,),
}
SAMPLES = [
    ("ali-ccp-sample", "published", "esmm", ("click", "purchase")),
    ("aliexpress-sample", "published", "aitm", ("click", "conversion")),
    ("byterec-sample", "ctr-random-811", "mmoe", ("finish", "like")),
]


@pytest.mark.real_data("ctr-tiny-samples")
@pytest.mark.parametrize(("name", "protocol", "kind", "tasks"), SAMPLES, ids=[sample[0] for sample in SAMPLES])
def test_a_sample_of_two_labels_from_file_to_scores(name, protocol, kind, tasks):
    rows = load_rows(name)
    part = rows.split(protocol)
    taught, asked = rows.take(np.concatenate([part.train, part.valid])), rows.take(part.test)
    assert set(tasks) <= set(rows.labels)
    model = registry.create(kind, "ranker", id_columns=rows.id_columns, tasks=tasks, **QUICK)
    labels = {task: taught.label(task).astype(float) for task in tasks}
    model.fit_rows(taught.columns, labels, np.arange(len(taught)), FitContext(seed=0, threads=1))
    score = model.score_matrix(np.stack([asked.columns[column] for column in model.columns_], axis=1))
    assert score.shape == (len(asked), 2)
    assert ((score > 0) & (score < 1)).all()
    assert all(len(np.unique(head)) > 1 for head in score.T)
    # The heads start from the share of each label, which two heads that were swapped would not.
    assert model.tasks == tasks
    for task, head in zip(tasks, score.T, strict=True):
        assert abs(head.mean() - taught.label(task).mean()) < 0.15
