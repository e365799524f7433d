"""Stages that arrange the short list as a whole."""
