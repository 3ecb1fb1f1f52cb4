"""Table 3.1 of thesis A: language modelling."""
