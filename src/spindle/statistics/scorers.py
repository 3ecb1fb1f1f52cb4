"""Scorers compared on the same animals: does SPINDLE's scoring lead to other results than an expert's?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float

from spindle.errors import CohortError
from spindle.statistics import words
from spindle.statistics.cohort import (
    ALPHA,
    MIN_ANIMALS,
    Cohort,
    Correction,
    correct,
    read_scorings,
    values_of,
)
from spindle.statistics.two_samples import (
    PAIRED,
    STUDENT,
    EffectSize,
    TTest,
    hedges_g,
    no_variation,
    paired_hedges_g,
    paired_t_test,
    t_test,
)

PAIRED_NOTE = "Scorers saw the same animals, so each animal is compared with itself."
THESIS_NOTE = (
    "As in the thesis, every value counts as an independent sample, although the scorers saw the same animals and an "
    "animal may have several values. Compared by pairs of animals, the same difference may be significant or not."
)


@dataclass(frozen=True, kw_only=True)
class ScorerPair:
    """The second scorer minus the first. `samples` counts animals or, in the thesis' way, values of both."""

    first: str
    second: str
    samples: int
    difference: float
    test: TTest
    hedges_g: EffectSize = field(default=EffectSize())
    p_corrected: float = math.nan
    reason: str | None = None

    def in_words(self, quantity: str = "the value", unit: str = "") -> str:
        """Return one sentence on the pair."""
        if self.reason is not None:
            return f"No test of '{self.second}' against '{self.first}': {self.reason}"
        start = words.compared(
            quantity=quantity,
            unit=unit,
            second=f"the scoring of '{self.second}'",
            first=f"that of '{self.first}'",
            difference=self.difference,
        )
        many = self.p_corrected != self.test.p
        corrected = f"; corrected {words.p_value(self.p_corrected)}" if many else ""
        interval = words.interval(self.test.ci_low, self.test.ci_high)
        return f"{start} ({interval}; {words.t_test(self.test)}{corrected}{words.effect(self.hedges_g)})."


@dataclass(frozen=True, kw_only=True)
class ScorerComparison:
    """Every pair of scorers."""

    scorers: tuple[str, ...]
    pairs: tuple[ScorerPair, ...]
    paired: bool
    correction: Correction
    missing: int
    note: str
    reason: str | None = None

    def pair(self, one: str, other: str) -> ScorerPair:
        """Return the pair of two scorers, in either order. Errors: CohortError for a scorer who is not there."""
        for pair in self.pairs:
            if {pair.first, pair.second} == {one, other}:
                return pair
        raise CohortError(f"There is no pair '{one}' and '{other}'; the scorers are {', '.join(self.scorers)}.")

    def stands_apart(self, scorer: str) -> bool:
        """Whether a scorer differs from all others while these do not differ from each other (p < 0.05).

        The thesis finds this of SPINDLE in 2 of the 48 comparisons of Fig. 5.11. A pair without a test does not differ.
        """
        own = [pair for pair in self.pairs if scorer in (pair.first, pair.second)]
        others = [pair for pair in self.pairs if scorer not in (pair.first, pair.second)]
        differs = all(pair.p_corrected < ALPHA for pair in own)
        return bool(own) and differs and not any(pair.p_corrected < ALPHA for pair in others)

    def in_words(self, quantity: str = "the value", unit: str = "") -> str:
        """Return one sentence per pair of scorers."""
        if not self.pairs:
            return f"No test: {self.reason}"
        return " ".join(pair.in_words(quantity, unit) for pair in self.pairs)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair of scorers."""
        return pd.DataFrame(
            [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "samples": pair.samples,
                    "difference": pair.difference,
                    "test": pair.test.name,
                    "t": pair.test.t,
                    "df": pair.test.df,
                    "p": pair.test.p,
                    "ci_low": pair.test.ci_low,
                    "ci_high": pair.test.ci_high,
                    "hedges_g": pair.hedges_g.g,
                    "hedges_g_low": pair.hedges_g.ci_low,
                    "hedges_g_high": pair.hedges_g.ci_high,
                    "p_corrected": pair.p_corrected,
                    "reason": pair.reason or "",
                }
                for pair in self.pairs
            ]
        )


def compare_scorers(
    frame: pd.DataFrame, *, thesis: bool = False, correction: Correction = "none", reference: str | None = None
) -> ScorerComparison:
    """Compare scorers of the same animals, in every pair, with two-tailed t tests.

    `frame` has columns `scorer`, `animal`, `value`. By default an animal's rows are averaged and pairs of scorers are
    compared animal by animal, over the animals that both scored. With `thesis`, tests are unpaired with equal
    variances over all rows as they stand, hours of one animal as well (thesis A, 5.4.5, the 48 comparisons of
    Fig. 5.11). With one value per animal that test is less apt to find a difference than the paired one, because the
    spread between animals hides it; with many it takes them for more animals. Like the thesis, nothing is corrected
    unless asked for: that no difference is found speaks for SPINDLE here, and a correction would help that.
    Errors: CohortError where the table cannot be read, or for another correction.
    """
    cohort = read_scorings(frame, reference=reference)
    compare = _unpaired if thesis else _paired
    pairs = [compare(cohort, first, second) for first, second in combinations(cohort.groups, 2)]
    corrected = correct([pair.test.p for pair in pairs], correction)
    return ScorerComparison(
        scorers=cohort.groups,
        pairs=tuple(replace(pair, p_corrected=p) for pair, p in zip(pairs, corrected, strict=True)),
        paired=not thesis,
        correction=correction,
        missing=cohort.missing,
        note=THESIS_NOTE if thesis else PAIRED_NOTE,
        reason=None if pairs else "A comparison needs two scorers.",
    )


def _paired(cohort: Cohort, first: str, second: str) -> ScorerPair:
    means = cohort.animal_means().pivot(index="animal", columns="group", values="value")
    both = means.reindex(columns=[first, second]).dropna().sort_values([first, second])
    values = both[first].to_numpy(dtype=np.float64), both[second].to_numpy(dtype=np.float64)
    bare = ScorerPair(
        first=first,
        second=second,
        samples=len(both),
        difference=float((values[1] - values[0]).mean()) if len(both) else math.nan,
        test=TTest(name=PAIRED),
        reason=_no_pairs(*values),
    )
    if bare.reason is not None:
        return bare
    return replace(bare, test=paired_t_test(*values), hedges_g=paired_hedges_g(*values))


def _no_pairs(first: Float[np.ndarray, " animals"], second: Float[np.ndarray, " animals"]) -> str | None:
    if len(first) < MIN_ANIMALS:
        found = words.counted(len(first), "animal") if len(first) else "no animal"
        return f"The scorers share {found}; a paired test needs two."
    # The difference of two close numbers carries their rounding, so that it is judged against the values.
    if np.ptp(second - first) <= 1e-12 * np.abs(np.concatenate([first, second])).max():
        return "The scorers differ by the same amount in every animal, so there is no variation to test it against."
    return None


def _unpaired(cohort: Cohort, first: str, second: str) -> ScorerPair:
    values = values_of(cohort.table, first), values_of(cohort.table, second)
    enough = min(map(len, values)) >= MIN_ANIMALS
    reason = no_variation(*values) if enough else "A scorer has fewer than two values."
    bare = ScorerPair(
        first=first,
        second=second,
        samples=sum(map(len, values)),
        difference=float(values[1].mean() - values[0].mean()) if all(map(len, values)) else math.nan,
        test=TTest(name=STUDENT),
        reason=reason,
    )
    if reason is not None:
        return bare
    return replace(bare, test=t_test(*values, equal_variances=True), hedges_g=hedges_g(*values))
