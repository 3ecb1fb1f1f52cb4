"""Tables of animals, checked and put into a set order, so that no result depends on how rows were arranged."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float

from spindle.errors import CohortError

Correction = Literal["holm", "fdr_bh", "none"]
CORRECTIONS: tuple[Correction, ...] = ("holm", "fdr_bh", "none")
"""For several tests at once: Holm bounds the chance of any false finding, Benjamini and Hochberg the share of them."""

ALPHA = 0.05
"""Level of significance, as in thesis A, 5.4.5; intervals of confidence are at 95 %."""

MIN_ANIMALS = 2
"""Fewer animals than this in a group have no standard deviation, and so no test."""


@dataclass(frozen=True, kw_only=True)
class GroupSummary:
    """What is known of one group: means over animals. NaN where too few animals have a value."""

    name: str
    animals: int
    mean: float
    sd: float

    @property
    def sem(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.animals) if self.animals else math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """Rows with a finite value, ordered by group, animal and bin.

    `table` has `animal` (text), `group` (text), `value` (float) and, if asked for, `bin` (place in `bins`). `groups`
    and `bins` keep the order of a pandas categorical and are sorted otherwise; a group stays listed when none of its
    rows has a value. `missing` counts rows without a value.
    """

    table: pd.DataFrame
    groups: tuple[str, ...]
    bins: tuple[Hashable, ...]
    missing: int

    def animal_means(self) -> pd.DataFrame:
        """Return one row per animal: `group`, `animal` and the mean `value` over its rows."""
        return self.table.groupby(["group", "animal"], sort=True, as_index=False)["value"].mean()

    def cell_means(self) -> pd.DataFrame:
        """Return one row per animal and bin: the mean of its rows."""
        return self.table.groupby(["group", "animal", "bin"], sort=True, as_index=False)["value"].mean()

    def summaries(self) -> tuple[GroupSummary, ...]:
        """Return the groups in order, from one value per animal."""
        means = self.animal_means()
        return tuple(summarise_group(name, values_of(means, name)) for name in self.groups)


def read_cohort(frame: pd.DataFrame, *, bins: bool = False, reference: str | None = None) -> Cohort:
    """Check a table and put it in order; `reference` becomes the first group.

    Errors: CohortError where a column is missing or has an empty cell, a value is text, or an animal is in two groups.
    """
    columns = ["animal", "group", *(["bin"] if bins else []), "value"]
    table = _columns(frame, columns)
    groups = _with_reference(tuple(str(group) for group in _levels(table["group"])), reference)
    levels = tuple(_levels(table["bin"])) if bins else ()
    table = table.assign(
        animal=table["animal"].astype(str),
        group=table["group"].astype(str),
        **({"bin": table["bin"].map({level: place for place, level in enumerate(levels)}).astype(int)} if bins else {}),
    )
    _refuse_animals_in_two_groups(table)
    finite = np.isfinite(table["value"].to_numpy())
    # Means over rows are sums of floats, so even ties are put in order.
    kept = table[finite].sort_values(columns, ignore_index=True)
    return Cohort(table=kept, groups=groups, bins=levels, missing=int((~finite).sum()))


def read_scorings(frame: pd.DataFrame, *, reference: str | None = None) -> Cohort:
    """Check a table of scorers and animals; scorers take the place of groups, and share their animals."""
    table = _columns(frame, ["scorer", "animal", "value"])
    scorers = _with_reference(tuple(str(scorer) for scorer in _levels(table["scorer"])), reference)
    table = pd.DataFrame(
        {"group": table["scorer"].astype(str), "animal": table["animal"].astype(str), "value": table["value"]}
    )
    finite = np.isfinite(table["value"].to_numpy())
    kept = table[finite].sort_values(["group", "animal", "value"], ignore_index=True)
    return Cohort(table=kept, groups=scorers, bins=(), missing=int((~finite).sum()))


def values_of(table: pd.DataFrame, group: str) -> Float[np.ndarray, " animals"]:
    """Return a group's values, smallest first, so that animals' names change nothing."""
    return np.sort(table.loc[table["group"] == group, "value"].to_numpy(dtype=np.float64))


def summarise_group(name: str, values: Float[np.ndarray, " animals"]) -> GroupSummary:
    """Return mean and standard deviation (n − 1) of one group."""
    return GroupSummary(
        name=name,
        animals=len(values),
        mean=float(values.mean()) if len(values) else math.nan,
        sd=float(values.std(ddof=1)) if len(values) >= MIN_ANIMALS else math.nan,
    )


def too_few(groups: Sequence[GroupSummary]) -> str | None:
    """Return a sentence about the first group that is too small for a test, None if all will do."""
    for group in groups:
        if group.animals < MIN_ANIMALS:
            has = "one animal" if group.animals == 1 else "no animal with a value"
            return f"Group '{group.name}' has {has}; a test needs two in each group."
    return None


def correct(p_values: Sequence[float], correction: Correction) -> list[float]:
    """Return p-values corrected for their number; NaN stays NaN and does not count.

    Errors: CohortError for a correction that does not exist.
    """
    if correction not in CORRECTIONS:
        raise CohortError(f"There is no correction '{correction}'; there are {', '.join(CORRECTIONS)}.")
    p = np.array(p_values, dtype=np.float64)
    known = np.isfinite(p)
    if correction == "holm":
        p[known] = _holm(p[known])
    elif correction == "fdr_bh" and known.any():
        p[known] = scipy.stats.false_discovery_control(p[known])
    return [float(value) for value in p]


def is_constant(values: Float[np.ndarray, " animals"]) -> bool:
    """Whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max(initial=0.0)) if len(values) else True


def _holm(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """The smallest p-value times the number of tests, the next times one less, and never below the one before.

    statsmodels' `multipletests` collects Python's garbage at every call, which takes longer than all else here.
    """
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1.0)
    return corrected


def _columns(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise CohortError(f"The table needs the columns {', '.join(columns)}; it has {found}.")
    table = frame[columns].reset_index(drop=True)
    for name in columns[:-1]:
        empty = np.flatnonzero(table[name].isna().to_numpy())
        if len(empty):
            raise CohortError(f"Row {empty[0] + 1} of the table has no {name}.")
    try:
        numbers = pd.to_numeric(table["value"])
    except (ValueError, TypeError) as error:
        raise CohortError(f"Column 'value' must hold numbers: {str(error).rstrip('.')}.") from None
    return table.assign(value=numbers.astype(np.float64))


def _levels(column: Any) -> list[Hashable]:
    """The values of a column in their order: a categorical's own, else sorted; mixed kinds are sorted as text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = set(column.unique())
        return [level for level in column.cat.categories.tolist() if level in present]
    levels: list[Hashable] = column.unique().tolist()
    try:
        return sorted(levels)  # type: ignore[type-var]
    except TypeError:
        return sorted(levels, key=str)


def _with_reference(groups: tuple[str, ...], reference: str | None) -> tuple[str, ...]:
    if reference is None:
        return groups
    if reference not in groups:
        raise CohortError(f"The table has no group '{reference}' to compare with; it has {', '.join(groups)}.")
    return (reference, *(group for group in groups if group != reference))


def _refuse_animals_in_two_groups(table: pd.DataFrame) -> None:
    for animal, groups in table.groupby("animal")["group"].unique().items():
        if len(groups) > 1:
            raise CohortError(
                f"Animal '{animal}' is in groups {' and '.join(sorted(repr(str(group)) for group in groups))}; "
                "each animal must be in one group and have a name of its own."
            )
