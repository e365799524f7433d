"""Stages that add columns to candidates."""
