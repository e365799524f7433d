"""Retrievers: learn from the log, and find candidates for a request in the whole catalogue."""
