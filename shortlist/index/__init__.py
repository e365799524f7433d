"""Finding by content: words in, item numbers out. Knows nothing of models."""
