"""Groups compared in each bin by itself: the marks above the curves of the thesis' Figs. 5.12 and 5.13."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from spindle.statistics import words
from spindle.statistics.cohort import ALPHA, Correction, read_cohort, values_of
from spindle.statistics.groups import PairComparison, compare_pair, correct_pairs


@dataclass(frozen=True, kw_only=True)
class BinTest:
    """One pair of groups in one bin."""

    bin: Hashable
    pair: PairComparison


@dataclass(frozen=True, kw_only=True)
class BinTests:
    """Every bin, in order, for every pair of groups. Corrected p-values count all tests of the table."""

    tests: tuple[BinTest, ...]
    correction: Correction
    equal_variances: bool
    missing: int
    reason: str | None

    @property
    def untested(self) -> int:
        """Tests that could not be made: too few animals, or values that do not vary."""
        return sum(test.pair.reason is not None for test in self.tests)

    @property
    def significant(self) -> tuple[BinTest, ...]:
        """Tests with a corrected p-value below 0.05."""
        return tuple(test for test in self.tests if test.pair.p_corrected < ALPHA)

    def in_words(self, quantity: str = "the value") -> str:
        """Return one sentence for each pair of groups, and one on tests that could not be made."""
        if not self.tests:
            return f"No test: {self.reason}"
        pairs: dict[tuple[str, str], list[BinTest]] = {}
        for test in self.tests:
            pairs.setdefault((test.pair.first.name, test.pair.second.name), []).append(test)
        sentences = [self._pair_in_words(*names, tests, quantity) for names, tests in pairs.items()]
        if self.untested:
            sentences.append(f"{words.capital(words.counted(self.untested, 'test'))} could not be made.")
        return " ".join(sentences)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per bin and pair of groups; `p` is the p-value of the test that was chosen."""
        return pd.DataFrame([{"bin": test.bin, **test.pair.to_row(), "p": test.pair.test.p} for test in self.tests])

    def _pair_in_words(self, first: str, second: str, tests: list[BinTest], quantity: str) -> str:
        found = [test.bin for test in tests if test.pair.p_corrected < ALPHA]
        number = sum(not math.isnan(test.pair.test.p) for test in tests)
        corrected = {"holm": " after Holm's correction", "fdr_bh": " after Benjamini and Hochberg's correction"}
        how = f"two-tailed {tests[0].pair.test.name} tests, p < 0.05{corrected.get(self.correction, ', not corrected')}"
        where = f": {words.listed(found)}" if found else ""
        start = f"Groups '{first}' and '{second}' differ in {quantity}"
        return f"{start} in {len(found)} of {words.counted(number, 'tested bin')}{where} ({how})."


def per_bin_tests(
    frame: pd.DataFrame,
    correction: Correction = "holm",
    *,
    equal_variances: bool = True,
    reference: str | None = None,
) -> BinTests:
    """Compare groups in each bin with two-tailed t tests; with equal variances as the thesis, or Welch's.

    `frame` has columns `animal`, `group`, `bin`, `value`; several rows of one animal and bin are averaged. The thesis
    corrects nothing, which is `correction="none"`: of 40 bins without any difference two are then marked on average.
    Errors: CohortError where the table cannot be read, or for another correction.
    """
    cohort = read_cohort(frame, bins=True, reference=reference)
    cells = cohort.cell_means()
    by_bin = [(level, cells[cells["bin"] == place]) for place, level in enumerate(cohort.bins)]
    pairs = list(combinations(cohort.groups, 2))
    compared = [
        (
            level,
            compare_pair(
                first, values_of(rows, first), second, values_of(rows, second), equal_variances=equal_variances
            ),
        )
        for first, second in pairs
        for level, rows in by_bin
    ]
    corrected = correct_pairs([pair for _, pair in compared], correction)
    tests = tuple(BinTest(bin=level, pair=pair) for (level, _), pair in zip(compared, corrected, strict=True))
    return BinTests(
        tests=tests,
        correction=correction,
        equal_variances=equal_variances,
        missing=cohort.missing,
        reason=None if pairs else "A comparison needs two groups.",
    )
