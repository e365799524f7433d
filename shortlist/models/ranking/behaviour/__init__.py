"""Click networks that read what the user did before: the base, and one preset per file."""
