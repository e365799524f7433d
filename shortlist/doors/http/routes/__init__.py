"""One small file per group of routes: parse, run a use case, write. No logic."""
