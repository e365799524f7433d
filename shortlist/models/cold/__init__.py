"""Cold start: models that place items nobody met yet by what they are, and answer for people who did little so far."""
