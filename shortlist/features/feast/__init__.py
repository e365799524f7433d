"""An applied Feast repo, read by its own files: registry, tables, SQLite online store. Feast is not imported."""
