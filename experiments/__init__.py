"""Tables and figures of the theses, done again. Run from the project's folder: python -m experiments.NAME --help.

Nothing imports this package, and it is not part of what is installed.
"""
