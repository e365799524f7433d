"""Rankers: learn from rows of feature columns with a label, and score candidate rows one by one."""
