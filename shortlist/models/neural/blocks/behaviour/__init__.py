"""Behaviour blocks: what a user's past says about one candidate, one small file each, one signature.

`forward(past, target) -> y` with a `Past` of B rows, target float[B, D] and y float[B, width]. A row without any event
gives zeros, padding never counts, and no block reads another row.

Training reads rows. When answering, all candidates of a request share one past, so every block also comes in two parts
that give the same numbers up to rounding: `once(past) -> kept` is worked out per request, and
`each(kept, target, alike) -> y` per candidate, with target float[R, C, D] and y float[R, C, width].
"""
