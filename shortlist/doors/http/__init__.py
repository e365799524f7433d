"""The HTTP door: parses, calls a use case, writes. No logic about recommendations lives here."""
