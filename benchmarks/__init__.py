"""Timings, each a pair: ours and a peer in one run, alternating, equal results asserted. `python -m benchmarks`."""
