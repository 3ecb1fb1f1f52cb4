"""One file per command of the command line; each is importable without torch."""
