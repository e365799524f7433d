"""Behaviour blocks: what a user's past says about one candidate, one small file each, one signature.

`forward(past, target) -> y` with a `Past` of B rows, target float[B, D] and y float[B, width]. A row without any event
gives zeros, padding never counts, and no block reads another row.
"""
