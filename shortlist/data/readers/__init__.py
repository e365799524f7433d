"""One file per format or public set; each has a reader with `detects(folder)` and `read(folder, ...)`."""
