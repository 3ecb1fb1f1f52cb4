"""Table 4.1 of thesis A: density estimation."""
