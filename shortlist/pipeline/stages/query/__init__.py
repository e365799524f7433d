"""Stages that add what is known about the user to the request."""
