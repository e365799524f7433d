"""How often what was clicked is bought: a smoothed rate of purchases per click."""

from __future__ import annotations

from shortlist.features.kinds.rate import Config as RateConfig
from shortlist.features.kinds.rate import Rate


class Config(RateConfig):
    """Settings of `conversion`."""

    events: tuple[str, ...] = ("purchase",)
    """Types that count as a success."""
    per: tuple[str, ...] = ("click",)
    """Types that count as an occasion."""


class Conversion(Rate):
    """Smoothed conversion rate."""

    Config = Config
