"""For plug-in authors and our own tests: contract checks for models, stages and stores; worlds with one right answer.

Nothing in the package imports this one.
"""
