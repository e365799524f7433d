"""Stages that weigh the lists of several sources against each other."""
