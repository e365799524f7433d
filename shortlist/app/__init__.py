"""The use cases: recommend, rank, similar, search, ask, ingest, why, users, items, status. No framework, no HTTP."""
