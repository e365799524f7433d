"""Thin doors to the use cases: HTTP and the command line. They parse, call and print; no logic lives here."""
