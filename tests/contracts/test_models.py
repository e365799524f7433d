"""Every retriever and ranker of the registry against every contract check."""

from functools import lru_cache

import pytest

from shortlist.core import registry
from shortlist.core.errors import MissingExtra
from shortlist.testing.models import COLUMNS, MODEL_CHECKS, RANKER_CHECKS, UPDATE_CHECKS, checked_settings

MOST_EXCEPTIONS = 2
"""How many (model, check) pairs may be excused over the whole registry; this number only shrinks."""


def _load(row):
    try:
        return registry.load(row.name, row.kind)
    except MissingExtra as error:
        pytest.skip(str(error))


@lru_cache(maxsize=1)
def _factory(row):
    """The one factory of a model, so that its checks, which run one after the other, share a fit."""
    model_class = _load(row)
    config = {"columns": COLUMNS} if row.kind == "ranker" else {}
    config |= checked_settings(model_class)
    return lambda: model_class(**config)


def _run(check_name, checks, row):
    excuse = getattr(_load(row), "contract_exceptions", {}).get(check_name)
    if excuse:
        pytest.skip(f"excused: {excuse}")
    checks[check_name](_factory(row))


@pytest.mark.parametrize("check", MODEL_CHECKS)
@pytest.mark.parametrize("row", registry.rows("retriever"), ids=lambda row: row.name)
def test_retriever(row, check):
    _run(check, MODEL_CHECKS, row)


def _learns_on(row):
    """Whether the model takes single events; those behind an extra are looked at where it is installed."""
    try:
        return hasattr(registry.load(row.name, row.kind), "update")
    except MissingExtra:
        return False


@pytest.mark.parametrize("check", UPDATE_CHECKS)
@pytest.mark.parametrize("row", list(filter(_learns_on, registry.rows("retriever"))), ids=lambda row: row.name)
def test_model_that_learns_from_single_events(row, check):
    _run(check, UPDATE_CHECKS, row)


@pytest.mark.parametrize("check", RANKER_CHECKS)
@pytest.mark.parametrize("row", registry.rows("ranker"), ids=lambda row: row.name)
def test_ranker(row, check):
    _run(check, RANKER_CHECKS, row)


def test_excuses_are_few_and_name_real_checks():
    excused = []
    for row in [*registry.rows("retriever"), *registry.rows("ranker")]:
        try:
            model_class = registry.load(row.name, row.kind)
        except MissingExtra:
            continue
        for check, reason in getattr(model_class, "contract_exceptions", {}).items():
            assert check in {**MODEL_CHECKS, **UPDATE_CHECKS, **RANKER_CHECKS}, (row.name, check)
            assert len(reason) > 15, "an excuse needs a reason"
            excused.append((row.name, check))
    assert len(excused) <= MOST_EXCEPTIONS, excused
