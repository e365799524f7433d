"""Compiled loops that rooms of the same floor share: models and indexes cut their lists by them."""
