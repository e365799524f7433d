"""Stages that drop candidates."""
