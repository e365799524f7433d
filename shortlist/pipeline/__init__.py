"""One definition of a recommendation, run in three ways: to serve, to train and to evaluate.

`spec` reads the TOML, `build` wires it to a world, `run` runs it; `pipeline` fits everything a spec names.
"""
