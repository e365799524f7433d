"""Stages that cut the scored candidates to a short list."""
