"""Embedders: texts to vectors, and vectors as a column of the item table that every neural model can read."""
