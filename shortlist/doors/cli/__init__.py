"""The command `shortlist <noun> <verb>`: one file per noun, heavy imports inside the commands."""
