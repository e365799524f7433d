"""Blocks of networks that know the scenario of a row: one small file each.

They read features [B, h] and the scenario of each row, int64[B], where 0 is nobody's: a scenario that training did not
meet, or that is missing. No block looks at another row, except partitioned norm while training.
"""
