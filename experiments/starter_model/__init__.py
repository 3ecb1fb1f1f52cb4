"""How the starter model was made: simulated laboratories, then the project's own training."""
