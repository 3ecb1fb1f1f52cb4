"""Command lines from typed records: what `latentia` and `spindle` share. Nothing in here waits for torch."""
