"""Stages that run after the answer."""
