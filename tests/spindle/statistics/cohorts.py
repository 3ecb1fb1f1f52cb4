"""Synthetic cohorts for the tests of statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd


def simulate_cohort(
    sizes: dict[str, int],
    *,
    seed: int,
    bins: int = 12,
    difference: float = 0.0,
    sd_between: float = 1.0,
    sd_within: float = 1.0,
    correlation: float = 0.0,
) -> pd.DataFrame:
    """Animals with a level of their own and bins with a common course; each group is `difference` above the last."""
    rng = np.random.default_rng(seed)
    places = np.arange(bins)
    noise = np.linalg.cholesky(correlation ** np.abs(np.subtract.outer(places, places)))
    course = 3 * np.sin(2 * np.pi * places / bins)
    rows = []
    for step, (group, animals) in enumerate(sizes.items()):
        for number in range(animals):
            level = 20 + step * difference + sd_between * rng.normal()
            values = level + course + sd_within * noise @ rng.normal(size=bins)
            rows += [(f"{group} {number}", group, 2 * int(place), float(values[place])) for place in places]
    return pd.DataFrame(rows, columns=["animal", "group", "bin", "value"])


def table(**groups: list[float]) -> pd.DataFrame:
    """One row per animal."""
    rows = [
        (f"{group} {number}", group, value) for group, values in groups.items() for number, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["animal", "group", "value"])
