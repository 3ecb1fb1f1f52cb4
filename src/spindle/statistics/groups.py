"""Groups compared by one value per animal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float
from statsmodels.stats.oneway import anova_oneway

from spindle.statistics import words
from spindle.statistics.cohort import (
    MIN_ANIMALS,
    Correction,
    GroupSummary,
    correct,
    is_constant,
    read_cohort,
    summarise_group,
    too_few,
    values_of,
)
from spindle.statistics.two_samples import STUDENT, WELCH, EffectSize, FTest, TTest, hedges_g, no_variation, t_test

ANOVA = "one-way ANOVA"
WELCH_ANOVA = "Welch's one-way ANOVA"


@dataclass(frozen=True, kw_only=True)
class PairComparison:
    """The second group minus the first. `reason` says why there is no test; then tests and effect are NaN.

    `equal_variances` chooses which of the two tests `test` is; `p_corrected` is that one's p-value, corrected for the
    number of tests made together.
    """

    first: GroupSummary
    second: GroupSummary
    student: TTest = field(default=TTest(name=STUDENT))
    welch: TTest = field(default=TTest(name=WELCH))
    hedges_g: EffectSize = field(default=EffectSize())
    equal_variances: bool = False
    p_corrected: float = math.nan
    reason: str | None = None

    @property
    def difference(self) -> float:
        """Mean of the second group minus mean of the first; NaN where one has no animal."""
        return self.second.mean - self.first.mean

    @property
    def test(self) -> TTest:
        """Student's or Welch's test, as chosen."""
        return self.student if self.equal_variances else self.welch

    def in_words(self, quantity: str = "the value", unit: str = "") -> str:
        """Return one sentence on the pair; `unit` is that of differences, as "percentage points"."""
        if self.reason is not None:
            return f"No test of '{self.second.name}' against '{self.first.name}': {self.reason}"
        first, second = f"group '{self.first.name}'", f"group '{self.second.name}'"
        start = words.compared(quantity=quantity, unit=unit, second=second, first=first, difference=self.difference)
        # The corrected value is said only where it says more.
        many = self.p_corrected != self.test.p
        corrected = f"; corrected {words.p_value(self.p_corrected)}" if many else ""
        interval = words.interval(self.test.ci_low, self.test.ci_high)
        return f"{start} ({interval}; {words.t_test(self.test)}{corrected}{words.effect(self.hedges_g)})."

    def to_row(self) -> dict[str, str | float]:
        """Return everything as one row of a table."""
        return {
            "first": self.first.name,
            "second": self.second.name,
            "animals_first": self.first.animals,
            "animals_second": self.second.animals,
            "mean_first": self.first.mean,
            "mean_second": self.second.mean,
            "sem_first": self.first.sem,
            "sem_second": self.second.sem,
            "difference": self.difference,
            **_test_columns("welch", self.welch),
            **_test_columns("student", self.student),
            "hedges_g": self.hedges_g.g,
            "hedges_g_low": self.hedges_g.ci_low,
            "hedges_g_high": self.hedges_g.ci_high,
            "p_corrected": self.p_corrected,
            "reason": self.reason or "",
        }


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """Groups compared by one value per animal: every pair, and for three or more groups an analysis of variance.

    `anova` supposes equal variances, `welch_anova` does not; both are None for two groups. `reason` says why a test
    is missing, for all groups or for one. `missing` counts rows without a value.
    """

    groups: tuple[GroupSummary, ...]
    pairs: tuple[PairComparison, ...]
    anova: FTest | None
    welch_anova: FTest | None
    correction: Correction
    missing: int
    reason: str | None

    def in_words(self, quantity: str = "the value", unit: str = "") -> str:
        """Return a sentence for each pair, after one for the analysis of variance where there is one."""
        if not self.pairs:
            return f"No test: {self.reason}"
        sentences = [pair.in_words(quantity, unit) for pair in self.pairs]
        if self.welch_anova is not None and not math.isnan(self.welch_anova.p):
            differ = "differs" if self.welch_anova.p < 0.05 else "does not differ demonstrably"
            overall = f"{words.capital(quantity)} {differ} between the groups"
            sentences.insert(0, f"{overall} ({self.welch_anova.name}: {words.f_test(self.welch_anova)}).")
        return " ".join(sentences)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair of groups."""
        return pd.DataFrame([pair.to_row() for pair in self.pairs])


def compare_groups(
    frame: pd.DataFrame, *, correction: Correction = "holm", reference: str | None = None
) -> GroupComparison:
    """Compare groups by one value per animal, the mean over its rows.

    `frame` has columns `animal`, `group`, `value`. Differences are a later group minus an earlier one, in the order of
    a categorical column or of the alphabet; `reference` comes first. The default test is Welch's, which keeps its
    level where groups differ in variance and size; Student's, which the thesis uses (A, 5.4.5), stands beside it.
    P-values of pairs are corrected for the number of pairs. Errors: CohortError where the table cannot be read.
    """
    cohort = read_cohort(frame, reference=reference)
    means = cohort.animal_means()
    samples = {name: values_of(means, name) for name in cohort.groups}
    pairs = correct_pairs(
        [compare_pair(first, samples[first], second, samples[second]) for first, second in combinations(samples, 2)],
        correction,
    )
    large = [values for values in samples.values() if len(values) >= MIN_ANIMALS]
    anova, welch_anova = _analyses_of_variance(large) if len(samples) > 2 else (None, None)
    groups = cohort.summaries()
    reason = _one_group(cohort.groups) or too_few(groups) or next((pair.reason for pair in pairs if pair.reason), None)
    return GroupComparison(
        groups=groups,
        pairs=pairs,
        anova=anova,
        welch_anova=welch_anova,
        correction=correction,
        missing=cohort.missing,
        reason=reason,
    )


def compare_pair(
    first: str,
    first_values: Float[np.ndarray, " n"],
    second: str,
    second_values: Float[np.ndarray, " m"],
    *,
    equal_variances: bool = False,
) -> PairComparison:
    """Compare two samples of animals, `second` minus `first`; not corrected."""
    groups = summarise_group(first, first_values), summarise_group(second, second_values)
    bare = PairComparison(first=groups[0], second=groups[1], equal_variances=equal_variances)
    reason = too_few(groups) or no_variation(first_values, second_values)
    if reason is not None:
        return replace(bare, reason=reason)
    return replace(
        bare,
        student=t_test(first_values, second_values, equal_variances=True),
        welch=t_test(first_values, second_values, equal_variances=False),
        hedges_g=hedges_g(first_values, second_values),
    )


def correct_pairs(pairs: list[PairComparison], correction: Correction) -> tuple[PairComparison, ...]:
    """Return pairs with the p-values of their chosen tests corrected for their number."""
    corrected = correct([pair.test.p for pair in pairs], correction)
    return tuple(replace(pair, p_corrected=p) for pair, p in zip(pairs, corrected, strict=True))


def _one_group(groups: tuple[str, ...]) -> str | None:
    if len(groups) > 1:
        return None
    found = f"one group, '{groups[0]}'" if groups else "no row"
    return f"The table has {found}; a comparison needs two groups."


def _analyses_of_variance(samples: list[Float[np.ndarray, " _"]]) -> tuple[FTest, FTest]:
    """With equal variances and without; NaN for fewer than two groups, or where a group does not vary at all."""
    equal, unequal = FTest(name=ANOVA), FTest(name=WELCH_ANOVA)
    if len(samples) < 2 or all(is_constant(values) for values in samples):
        return equal, unequal
    result = scipy.stats.f_oneway(*samples)
    df_residual = sum(map(len, samples)) - len(samples)
    equal = FTest(name=ANOVA, f=float(result[0]), df=len(samples) - 1, df_residual=df_residual, p=float(result[1]))
    # Welch weighs groups by 1 / variance, which a constant group has none of.
    if not any(is_constant(values) for values in samples):
        welch = anova_oneway(samples, use_var="unequal")
        unequal = FTest(
            name=WELCH_ANOVA,
            f=float(welch.statistic),
            df=float(welch.df_num),
            df_residual=float(welch.df_denom),
            p=float(welch.pvalue),
        )
    return equal, unequal


def _test_columns(name: str, test: TTest) -> dict[str, str | float]:
    return {
        f"{name}_t": test.t,
        f"{name}_df": test.df,
        f"{name}_p": test.p,
        f"{name}_ci_low": test.ci_low,
        f"{name}_ci_high": test.ci_high,
    }
