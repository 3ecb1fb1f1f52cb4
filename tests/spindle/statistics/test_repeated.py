from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from spindle.statistics import compare_groups, two_way_anova

from .cohorts import simulate_cohort


@pytest.mark.parametrize("sizes", [{"a": 4, "b": 4}, {"a": 3, "b": 6, "c": 4}])
def test_the_two_way_anova_is_that_of_statsmodels_with_missing_values_too(sizes: dict[str, int]) -> None:
    frame = simulate_cohort(sizes, seed=1, difference=0.5)
    frame = frame[np.random.default_rng(1).random(len(frame)) > 0.1]
    peer = anova_lm(smf.ols("value ~ C(group) * C(bin)", frame).fit(), typ=2)
    result = two_way_anova(frame)
    for row, name in (("C(group)", "group"), ("C(bin)", "bin"), ("C(group):C(bin)", "group × bin")):
        term = result.term(name)
        expected = peer.loc[row, "F"], peer.loc[row, "df"], peer.loc[row, "PR(>F)"]
        assert (term.f, term.df, term.p) == pytest.approx(expected)
        assert term.df_residual == peer.loc["Residual", "df"]


def test_the_two_way_anova_gives_no_interval_and_warns() -> None:
    result = two_way_anova(simulate_cohort({"wildtype": 4, "mutant": 4}, seed=4), reference="wildtype")
    assert "independent" in (result.warning or "")
    assert result.difference is not None
    assert math.isnan(result.difference.ci_low)
    assert "CI" not in result.in_words()
    assert "nan" not in result.in_words()


def test_the_difference_counts_bins_alike() -> None:
    frame = simulate_cohort({"a": 4, "b": 4}, seed=1)
    found = two_way_anova(frame).difference
    assert found is not None
    assert found.value == pytest.approx(compare_groups(frame).pairs[0].difference)
    many_of_one = pd.concat([frame, *[frame[frame["bin"] == 6]] * 5])
    again = two_way_anova(many_of_one).difference
    assert again is not None
    assert again.value == pytest.approx(found.value)


def test_order_of_rows_and_names_of_animals_change_nothing() -> None:
    frame = simulate_cohort({"a": 4, "b": 5}, seed=2)
    other = frame.assign(animal="mouse " + frame["animal"]).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(two_way_anova(frame).to_frame(), two_way_anova(other).to_frame())


@pytest.mark.parametrize("factor", [1e-7, 1e7])
def test_another_unit_changes_no_test(factor: float) -> None:
    frame = simulate_cohort({"a": 4, "b": 5}, seed=2)
    scaled = frame.assign(value=factor * frame["value"])
    pd.testing.assert_frame_equal(two_way_anova(frame).to_frame(), two_way_anova(scaled).to_frame())


def test_one_value_for_each_group_and_bin_gives_a_sentence() -> None:
    frame = simulate_cohort({"a": 2, "b": 2}, seed=1, bins=2)
    halves = frame[(frame["animal"].str.endswith("0")) == (frame["bin"] == 0)]
    assert (two_way_anova(halves).reason or "").startswith("There is one value for each group and bin")


def test_three_groups_are_said_to_differ_without_a_difference() -> None:
    result = two_way_anova(simulate_cohort({"a": 4, "b": 4, "c": 4}, seed=1, difference=4.0))
    assert result.difference is None
    assert result.in_words("REM sleep").startswith("REM sleep differs between the 3 groups (two-way ANOVA, F(2, 108)")
