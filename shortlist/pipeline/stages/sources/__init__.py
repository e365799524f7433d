"""Stages that bring candidates."""
