"""Groups compared over bins: the record, and the thesis' two-way analysis of variance (A, 5.4.5)."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from spindle.statistics import words
from spindle.statistics.cohort import ALPHA, MIN_ANIMALS, Cohort, GroupSummary, is_constant, read_cohort, too_few
from spindle.statistics.two_samples import FTest

GROUP, BIN, INTERACTION = "group", "bin", "group × bin"
TERMS = (GROUP, BIN, INTERACTION)
TWO_WAY_ANOVA = "two-way ANOVA"

NOT_INDEPENDENT = (
    "The two-way ANOVA takes every bin of an animal for an independent animal, which it is not; "
    "its p-value of the group is too small where animals differ. The mixed model is the test to quote."
)


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term of a model, tested by F; all figures are NaN where there is no test."""

    name: str
    f: float = math.nan
    df: float = math.nan
    df_residual: float = math.nan
    p: float = math.nan

    @property
    def test(self) -> FTest:
        """The term as an F test."""
        return FTest(name=self.name, f=self.f, df=self.df, df_residual=self.df_residual, p=self.p)


@dataclass(frozen=True, kw_only=True)
class GroupDifference:
    """The second group minus the first, averaged over bins that count alike, with its 95 % interval, NaN if unknown."""

    first: str
    second: str
    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class RepeatedMeasures:
    """Tests of group, bin and group × bin.

    `difference` is there for two groups. `sd_between` is the standard deviation of animals' own levels, `sd_within`
    that of what remains, and `sphericity` the factor on the degrees of freedom of bin and group × bin (1 leaves them);
    NaN where a method has none. `bins` are those used. `notes` say what was left out or replaced, `warning` what is
    wrong with the method itself, `reason` why there is no test.
    """

    method: str
    groups: tuple[GroupSummary, ...]
    bins: tuple[Hashable, ...]
    rows: int
    missing: int
    terms: tuple[Term, ...]
    difference: GroupDifference | None = None
    sd_between: float = math.nan
    sd_within: float = math.nan
    sphericity: float = math.nan
    notes: tuple[str, ...] = ()
    warning: str | None = None
    reason: str | None = None

    def term(self, name: str) -> Term:
        """Return a term: "group", "bin" or "group × bin"."""
        return next(term for term in self.terms if term.name == name)

    def in_words(self, quantity: str = "the value", unit: str = "") -> str:
        """Return the answer in one or two sentences, notes and warning not included."""
        if self.reason is not None:
            return f"No test: {self.reason}"
        group, interaction = self.term(GROUP), self.term(INTERACTION)
        tested = f"{self.method}, {words.f_test(group.test)}"
        if self.difference is None:
            differ = "differs" if group.p < ALPHA else "does not differ demonstrably"
            start = f"{words.capital(quantity)} {differ} between the {len(self.groups)} groups ({tested})"
        else:
            start = self._difference_in_words(self.difference, quantity, unit, tested)
        depends = "depends" if interaction.p < ALPHA else "does not demonstrably depend"
        return f"{start}. The difference {depends} on the bin ({words.f_test(interaction.test)})."

    def to_frame(self) -> pd.DataFrame:
        """Return one row per term."""
        return pd.DataFrame(
            [
                {
                    "method": self.method,
                    "term": term.name,
                    "f": term.f,
                    "df": term.df,
                    "df_residual": term.df_residual,
                    "p": term.p,
                    "reason": self.reason or "",
                }
                for term in self.terms
            ]
        )

    def _difference_in_words(self, difference: GroupDifference, quantity: str, unit: str, tested: str) -> str:
        start = words.compared(
            quantity=quantity,
            unit=unit,
            second=f"group '{difference.second}'",
            first=f"group '{difference.first}'",
            difference=difference.value,
        )
        known = not math.isnan(difference.ci_low)
        interval = f"{words.interval(difference.ci_low, difference.ci_high)}; " if known else ""
        return f"{start} ({interval}{tested})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """What a model over bins is fitted to: groups of at least two animals, and bins that each of these groups has.

    `rows` has `group`, `animal`, `bin` (place in `bins`), `value`.
    """

    rows: pd.DataFrame
    groups: tuple[str, ...]
    bins: tuple[Hashable, ...]
    notes: tuple[str, ...]
    reason: str | None


def two_way_anova(frame: pd.DataFrame, *, reference: str | None = None) -> RepeatedMeasures:
    """Test group and bin as fixed factors, every row independent: the thesis' method (Figs. 5.12 and 5.13).

    `frame` has columns `animal`, `group`, `bin`, `value`. Sums of squares are of type II. The result carries the
    warning that bins of one animal are not independent, and no interval, for the same reason.
    Errors: CohortError where the table cannot be read.
    """
    cohort = read_cohort(frame, bins=True, reference=reference)
    layout = lay_out(cohort, cohort.table)
    reason = layout.reason
    terms = tuple(Term(name=name) for name in TERMS) if reason else _anova_terms(layout.rows)
    return RepeatedMeasures(
        method=TWO_WAY_ANOVA,
        groups=cohort.summaries(),
        bins=layout.bins,
        rows=len(layout.rows),
        missing=cohort.missing,
        terms=terms,
        difference=None if reason else _difference_of_cells(layout),
        notes=layout.notes,
        warning=NOT_INDEPENDENT,
        reason=reason,
    )


def lay_out(cohort: Cohort, rows: pd.DataFrame) -> Layout:
    """Leave out groups of one animal, and bins that a group lacks, and say so."""
    notes = []
    small = [group for group in cohort.summaries() if group.animals < MIN_ANIMALS]
    groups = tuple(name for name in cohort.groups if name not in {group.name for group in small})
    reason = None
    if len(cohort.groups) < 2:
        reason = "A comparison needs two groups."
    elif len(groups) < 2:
        reason = too_few(small)
    elif small:
        notes.append(f"{too_few(small)} It is left out.")
    rows = rows[rows["group"].isin(groups)]
    counts = rows.groupby("bin")["group"].nunique()
    shared = [place for place in range(len(cohort.bins)) if counts.get(place, 0) == len(groups) and groups]
    left_out = [level for place, level in enumerate(cohort.bins) if place not in shared]
    if left_out and reason is None:
        one = len(left_out) == 1
        notes.append(
            f"{'Bin' if one else 'Bins'} {words.listed(left_out)} {'is' if one else 'are'} left out, because a group "
            f"has no value there."
        )
    rows = rows[rows["bin"].isin(shared)]
    rows = rows.assign(bin=rows["bin"].map({place: new for new, place in enumerate(shared)}))
    reason = reason or _nothing_to_model(rows, len(shared))
    return Layout(
        rows=rows.reset_index(drop=True),
        groups=groups,
        bins=tuple(cohort.bins[place] for place in shared),
        notes=tuple(notes),
        reason=reason,
    )


def _difference_of_cells(layout: Layout) -> GroupDifference | None:
    """The difference of two groups' means over bins, bins counting alike; None for other numbers of groups."""
    if len(layout.groups) != 2:
        return None
    cells = layout.rows.groupby(["group", "bin"])["value"].mean().groupby("group").mean()
    first, second = layout.groups
    value = float(cells[second] - cells[first])
    return GroupDifference(first=first, second=second, value=value, ci_low=math.nan, ci_high=math.nan)


def _nothing_to_model(rows: pd.DataFrame, bins: int) -> str | None:
    if bins < 2:
        found = "only one bin" if bins else "no bin"
        return f"There is {found} in which all groups have values; a comparison over bins needs two."
    if is_constant(rows["value"].to_numpy()):
        return "All values are the same, so there is nothing to test."
    cells = rows.groupby(["group", "bin"])["value"]
    if len(rows) == cells.ngroups:
        return "There is one value for each group and bin, so there is no variation to test a difference against."
    # Values around their cell's mean, not the cells' ranges: rounding then stays small against the values.
    if is_constant(np.append(rows["value"] - cells.transform("mean"), 0.0) + rows["value"].abs().max()):
        return "All animals of a group have the same values, so there is no variation to test a difference against."
    return None


def _anova_terms(rows: pd.DataFrame) -> tuple[Term, ...]:
    # Sums of squares do not depend on the mean or the unit; without them rounding stays small.
    scaled = rows.assign(value=(rows["value"] - rows["value"].mean()) / rows["value"].std())
    table = anova_lm(smf.ols("value ~ C(group) * C(bin)", data=scaled).fit(), typ=2)
    residual = float(table["df"]["Residual"])
    names = zip(("C(group)", "C(bin)", "C(group):C(bin)"), TERMS, strict=True)
    return tuple(
        Term(
            name=name,
            f=float(table["F"][row]),
            df=float(table["df"][row]),
            df_residual=residual,
            p=float(table["PR(>F)"][row]),
        )
        for row, name in names
    )
