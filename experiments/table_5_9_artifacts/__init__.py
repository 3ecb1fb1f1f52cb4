"""Table 5.9 of thesis A with the density of 5.3.4, on SIMULATED cohorts. See README.md in this folder."""
