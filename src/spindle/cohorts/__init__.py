"""Cohorts: a table of scored animals in, their sleep architecture and spectra compared between groups.

Thesis A, 5.4.5. `analysis.analyze_cohort` is the whole of it; `table` reads what the user wrote, `measure` takes one
animal, `pool` puts animals together, `comparisons` tests, `figures` and `page` show.
"""
