"""Figure 3.4 of thesis A: what teacher forcing does to clips of a bouncing ball."""
