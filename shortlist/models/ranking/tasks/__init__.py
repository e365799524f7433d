"""Rankers of several tasks: one network, one named head per label (click, purchase, ...)."""
