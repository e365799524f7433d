"""Towers: retrievers whose network makes vectors of requests and of items, apart; a score is their product."""
