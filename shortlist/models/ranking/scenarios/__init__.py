"""Rankers of several scenarios: one network for pages, countries or groups that share some of what they like."""
