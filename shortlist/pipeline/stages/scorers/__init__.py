"""Stages that give candidates their score."""
