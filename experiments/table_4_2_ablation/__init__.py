"""Table 4.2 of thesis A: the spatial dependency layer against other blocks."""
