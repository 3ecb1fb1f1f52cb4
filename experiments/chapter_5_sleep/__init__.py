"""Chapter 5 of thesis A, its protocol, tables and figures on SIMULATED cohorts. See README.md in this folder."""
