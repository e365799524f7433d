"""Sequence blocks: one small file each, one signature.

`forward(x, mask, dt) -> y` with x and y float[B, L, D], mask bool[B, L] true at real events, and dt float[B, L] the
seconds since the sequence's first event, or None where the data has no clock. Sequences are padded on the RIGHT and in
time order: a causal block then never meets padding before a real event, so what stands in the padding cannot leak.
Rows at padding hold any finite number and are dropped by the caller. Readouts, which turn a sequence into one or
several vectors, are `mean_pool`, `capsule`, `multi_interest` and `target_attention`.
"""
