"""Kinds of features: one file, one registry row of kind `feature`, one test each."""
