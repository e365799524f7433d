"""The steps of a pipeline, one file each, in one folder per kind."""
