"""Made worlds: data written by a known process, so that what a model finds can be compared with what is there."""
