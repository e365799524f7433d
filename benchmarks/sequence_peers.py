"""SASRec as RecTools and RecBole have it, as scripts for `peers.Peer`; see `bench_sequences` for what is compared.

Both get the events as arrays in each user's order (`user`, `item`, `place`: the number of an event within its user's)
and the sizes `factors`, `layers`, `max_len`, `dropout`, `batch_size`; heads are 1 and feed-forward parts as wide as
`factors`, which is the cheaper choice for both. With `batches` the work is that many batches of one epoch, without it a
whole fit of `epochs`, after which the ten best unseen items of each user in `asked_user` are found, whose whole past is
`asked_item` (ragged by `asked_offsets`).
"""

RECTOOLS = """
import logging
import warnings

import numpy as np
import pandas as pd
import torch

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
from pytorch_lightning import Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


def table(user, item, place):
    at = pd.to_datetime(place, unit="s")
    return pd.DataFrame({Columns.User: user, Columns.Item: item, Columns.Weight: 1.0, Columns.Datetime: at})


def prepare(given):
    torch.set_num_threads(given["threads"])
    given["data"] = Dataset.construct(table(given["user"], given["item"], given["place"]))
    given["model"] = make(given)
    if given.get("batches"):
        seed_everything(0)
        given["model"]._build_model_from_dataset(given["data"])
        given["loader"] = given["model"].data_preparator.get_dataloader_train()
    return given


def make(given):
    return SASRecModel(
        n_factors=given["factors"], n_blocks=given["layers"], n_heads=1, session_max_len=given["max_len"],
        dropout_rate=given["dropout"], batch_size=given["batch_size"], epochs=given.get("epochs", 1), loss="softmax",
    )


def work(given):
    if given.get("batches"):
        trainer = Trainer(
            max_epochs=1, min_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, limit_train_batches=given["batches"],
        )
        trainer.fit(given["model"].lightning_model, given["loader"])
        return None
    seed_everything(0)
    return make(given).fit(given["data"])


def after(given, model):
    loader = given["model"].data_preparator
    if model is None:
        targets = sum(len(events) - 1 for events in given["loader"].dataset.sessions)
        return {"targets": targets, "rows": len(given["loader"].dataset)}
    offsets, users = given["asked_offsets"], given["asked_user"]
    lengths = np.diff(offsets)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    past = Dataset.construct(table(np.repeat(users, lengths), given["asked_item"], place))
    found = model.recommend(users, past, k=10, filter_viewed=True)
    lists = np.full((len(users), 10), -1)
    row = pd.Series(np.arange(len(users)), index=users)[found[Columns.User]].to_numpy()
    lists[row, found[Columns.Rank].to_numpy() - 1] = found[Columns.Item].to_numpy()
    return {"lists": lists}
"""

RECBOLE = """
import itertools
import logging
import os
import tempfile
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
from recbole.config import Config
from recbole.data import create_dataset
from recbole.data.dataloader import TrainDataLoader
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender.sasrec import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed


def prepare(given):
    torch.set_num_threads(given["threads"])
    given["folder"] = tempfile.TemporaryDirectory()
    os.chdir(given["folder"].name)
    os.makedirs("log")
    with open("log/log.inter", "w") as file:
        file.write("user_id:token\\titem_id:token\\ttimestamp:float\\n")
        for row in zip(given["user"].tolist(), given["item"].tolist(), given["place"].tolist()):
            file.write("%d\\t%d\\t%d\\n" % row)
    chosen = {
        "data_path": os.getcwd(), "state": "ERROR", "show_progress": False, "use_gpu": False,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "MAX_ITEM_LIST_LENGTH": given["max_len"],
        "train_neg_sample_args": None, "loss_type": "CE", "hidden_size": given["factors"],
        "inner_size": given["factors"], "n_layers": given["layers"], "n_heads": 1,
        "hidden_dropout_prob": given["dropout"], "attn_dropout_prob": given["dropout"],
        "train_batch_size": given["batch_size"],
        "eval_args": {"order": "TO", "split": {"RS": [1, 0, 0]}, "group_by": "user", "mode": "full"},
    }
    config = Config(model="SASRec", dataset="log", config_dict=chosen)
    logging.disable(logging.CRITICAL)
    data = create_dataset(config)
    data._change_feat_format()
    given.update(config=config, data=data, loader=TrainDataLoader(config, data, None, shuffle=True))
    if given.get("batches"):
        given["trainer"] = start(given)
    return given


def start(given):
    init_seed(0, False)
    return Trainer(given["config"], SASRec(given["config"], given["data"]))


def work(given):
    if given.get("batches"):
        given["trainer"]._train_epoch(itertools.islice(given["loader"], given["batches"]), 0)
        return None
    trainer = start(given)
    for epoch in range(given["epochs"]):
        trainer._train_epoch(given["loader"], epoch)
    return trainer.model.eval()


def after(given, model):
    if model is None:
        return {"targets": len(given["data"]), "rows": len(given["data"])}
    name = given["data"].field2id_token["item_id"]
    own = np.array([-1] + [int(token) for token in name[1:]])
    token = np.zeros(max(own.max(), given["asked_item"].max()) + 1, np.int64)
    token[own[1:]] = np.arange(1, len(own))
    offsets, lists = given["asked_offsets"], []
    for low, high in zip(offsets[:-1], offsets[1:]):
        read = token[given["asked_item"][low:high]]
        read = read[read > 0]
        late = read[-given["max_len"]:]
        line = np.zeros((1, given["max_len"]), np.int64)
        line[0, : len(late)] = late
        asked = Interaction({"item_id_list": torch.from_numpy(line), "item_length": torch.tensor([len(late)])})
        with torch.no_grad():
            scores = model.full_sort_predict(asked)[0].numpy().copy()
        scores[0] = scores[read] = -np.inf
        lists.append(own[np.argsort(-scores, kind="stable")[:10]])
    return {"lists": np.stack(lists)}
"""
