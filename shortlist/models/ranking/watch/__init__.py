"""Rankers of seconds watched (or read, or listened): the base, and one preset per file."""
