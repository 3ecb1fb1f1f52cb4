from __future__ import annotations

import inspect
import math
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from spindle.errors import CohortError
from spindle.statistics import CORRECTIONS, per_bin_tests
from spindle.statistics.cohort import Correction, correct

from .cohorts import simulate_cohort


def shifted(seed: int = 0) -> pd.DataFrame:
    """Groups that differ in the bins from 12 on alone."""
    frame = simulate_cohort({"wildtype": 6, "mutant": 6}, seed=seed, sd_between=0.3)
    late = (frame["group"] == "mutant") & (frame["bin"] >= 12)
    return frame.assign(value=frame["value"] + 5.0 * late)


@pytest.mark.parametrize("equal", [True, False])
def test_each_bin_has_the_t_test_of_scipy(equal: bool) -> None:
    frame = shifted()
    result = per_bin_tests(frame, equal_variances=equal, reference="wildtype")
    for test in result.tests:
        rows = frame[frame["bin"] == test.bin]
        samples = (rows.loc[rows["group"] == name, "value"] for name in ("mutant", "wildtype"))
        peer = scipy.stats.ttest_ind(*samples, equal_var=equal)
        assert (test.pair.test.t, test.pair.test.p) == pytest.approx((peer.statistic, peer.pvalue))


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_p_values_are_corrected_over_the_bins(correction: Correction) -> None:
    result = per_bin_tests(shifted(), correction)
    p = [test.pair.test.p for test in result.tests]
    expected = p if correction == "none" else multipletests(p, method=correction)[1]
    assert [test.pair.p_corrected for test in result.tests] == pytest.approx(expected)


def test_every_correction_that_is_typed_is_offered() -> None:
    assert get_args(Correction) == CORRECTIONS


def test_values_that_are_not_known_count_for_no_correction() -> None:
    assert correct([0.01, math.nan, 0.04], "holm") == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)


def test_a_correction_that_does_not_exist_is_refused() -> None:
    # Under the tests' type checker no other word gets through, so the function is called without it.
    with pytest.raises(CohortError, match="no correction 'bonferroni'; there are holm, fdr_bh, none"):
        inspect.unwrap(correct)([0.01], "bonferroni")  # type: ignore[arg-type]


def test_the_sentence_names_the_bins_that_differ() -> None:
    result = per_bin_tests(shifted(), reference="wildtype")
    assert [test.bin for test in result.significant] == [12, 14, 16, 18, 20, 22]
    assert result.in_words("REM sleep") == (
        "Groups 'wildtype' and 'mutant' differ in REM sleep in 6 of 12 tested bins: 12, 14, 16, 18, 20 and 22 "
        "(two-tailed Student's t tests, p < 0.05 after Holm's correction)."
    )


def test_a_bin_with_too_few_animals_is_nan_and_counted() -> None:
    frame = shifted()
    few = (frame["bin"] == 8) & (frame["group"] == "mutant") & (frame["animal"] != "mutant 0")
    result = per_bin_tests(frame[~few])
    alone = next(test for test in result.tests if test.bin == 8)
    assert math.isnan(alone.pair.p_corrected)
    assert alone.pair.reason == "Group 'mutant' has one animal; a test needs two in each group."
    assert result.untested == 1
    assert result.in_words().endswith("One test could not be made.")
    assert result.to_frame()["p"].isna().sum() == 1


def test_three_groups_are_compared_in_pairs_and_corrected_together() -> None:
    result = per_bin_tests(simulate_cohort({"a": 4, "b": 4, "c": 4}, seed=1))
    assert len(result.tests) == 36
    p = [test.pair.test.p for test in result.tests]
    assert result.to_frame()["p_corrected"].to_list() == pytest.approx(multipletests(p, method="holm")[1])


def test_order_of_rows_and_names_of_animals_change_nothing() -> None:
    frame = shifted()
    other = frame.assign(animal="mouse " + frame["animal"]).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(per_bin_tests(frame).to_frame(), per_bin_tests(other).to_frame())


def test_bins_come_in_the_order_of_a_categorical_or_of_numbers() -> None:
    frame = shifted()
    assert [test.bin for test in per_bin_tests(frame).tests] == list(range(0, 24, 2))
    names = [f"ZT{hour}" for hour in range(0, 24, 2)]
    named = frame.assign(bin=pd.Categorical("ZT" + frame["bin"].astype(str), categories=names))
    assert [test.bin for test in per_bin_tests(named).tests] == names


def test_without_correction_one_test_in_twenty_is_marked_by_chance_and_with_holms_few_cohorts_are() -> None:
    marked, cohorts = [], []
    for seed in range(40):
        frame = simulate_cohort({"a": 4, "b": 4}, seed=seed, sd_between=0.0)
        plain = per_bin_tests(frame, "none")
        marked.append(len(plain.significant) / 12)
        cohorts.append(min(correct([test.pair.test.p for test in plain.tests], "holm")) < 0.05)
    assert np.mean(marked) == pytest.approx(0.05, abs=0.035)
    assert np.mean(cohorts) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40)
