"""Tables 5.5, 5.7 and 5.9 of thesis A, its protocol on SIMULATED cohorts. See README.md in this folder."""
