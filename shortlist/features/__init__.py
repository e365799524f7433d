"""State folded from events and read as of a time: histories, counts, item and user columns."""
