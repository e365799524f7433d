"""Items by words, over the same catalogue that lists are made of; what must not be shown is not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shortlist.app.answers import Found, Pick
from shortlist.app.encode import filter_of, k_of
from shortlist.app.fields import fields_of, wanted_columns
from shortlist.app.questions import TextQuestion

if TYPE_CHECKING:
    from shortlist.app.service import Service

EMBEDDER = "bm25"
"""How words are compared."""


def search(service: Service, question: TextQuestion) -> Found:
    """The best matches, best first; empty where no word matches.

    Scores lie in [0, 1): how much of the question's words an item has.

    Raises:
        BadRequest: `k` or a column. BadExpression: the filter. NoBundle: nothing is served yet.
    """
    state = service.state
    k = k_of(question.k, 10)
    columns = wanted_columns(state.catalogue, question.return_fields, all_by_default=True) or ()
    expression = filter_of(state, question.filter)
    allowed = np.array(state.catalogue.column("available"), bool)[: len(state.items)]
    if expression is not None:
        n = len(allowed)
        allowed = allowed & expression.evaluate(lambda name: state.catalogue.column(name)[:n], n)
    items, scores = state.text.search(question.text, k, allowed=allowed)
    picks = tuple(
        Pick(state.items.ids[item], float(score), position, fields=fields_of(state.catalogue, item, columns))
        for position, (item, score) in enumerate(zip(items.tolist(), scores, strict=True), start=1)
    )
    return Found(question.text, state.bundle, picks)
