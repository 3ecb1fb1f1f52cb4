"""Table 3.4 and Figures 3.5 and 3.6 of thesis A: video modelling."""
