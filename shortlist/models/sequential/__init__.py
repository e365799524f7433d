"""Models of order: a network reads what a user did, event by event, and predicts what comes next."""
