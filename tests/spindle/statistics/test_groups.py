from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from spindle.errors import CohortError
from spindle.statistics import GroupComparison, compare_groups

from .cohorts import simulate_cohort, table

WILDTYPE, MUTANT = [12.0, 15.5, 11.0, 14.0, 13.2], [9.0, 10.5, 8.0, 12.0]


@pytest.fixture
def two_groups() -> GroupComparison:
    return compare_groups(table(wildtype=WILDTYPE, mutant=MUTANT), reference="wildtype")


@pytest.mark.parametrize("equal", [True, False])
def test_t_tests_and_their_intervals_are_those_of_statsmodels(two_groups: GroupComparison, equal: bool) -> None:
    peer = CompareMeans(DescrStatsW(MUTANT), DescrStatsW(WILDTYPE))
    usevar = "pooled" if equal else "unequal"
    t, p, df = peer.ttest_ind(usevar=usevar)
    test = two_groups.pairs[0].student if equal else two_groups.pairs[0].welch
    assert (test.t, test.p, test.df) == pytest.approx((t, p, df))
    assert (test.ci_low, test.ci_high) == pytest.approx(peer.tconfint_diff(usevar=usevar))


def test_the_difference_is_the_second_group_minus_the_reference(two_groups: GroupComparison) -> None:
    pair = two_groups.pairs[0]
    assert (pair.first.name, pair.second.name) == ("wildtype", "mutant")
    assert pair.difference == pytest.approx(np.mean(MUTANT) - np.mean(WILDTYPE))
    assert pair.second.sem == pytest.approx(scipy.stats.sem(MUTANT))


def test_hedges_g_is_cohens_d_times_the_correction_for_small_samples(two_groups: GroupComparison) -> None:
    squares = np.var(WILDTYPE, ddof=1) * 4 + np.var(MUTANT, ddof=1) * 3
    d = (np.mean(MUTANT) - np.mean(WILDTYPE)) / math.sqrt(squares / 7)
    # The usual approximation of the correction, 1 − 3 / (4 ν − 1), is right to a thousandth.
    assert two_groups.pairs[0].hedges_g.g == pytest.approx(d * (1 - 3 / (4 * 7 - 1)), rel=2e-3)


def test_the_interval_of_hedges_g_holds_the_truth_in_95_of_100_cohorts() -> None:
    rng = np.random.default_rng(0)
    truth = 1.0
    sizes = compare_groups(table(a=[0.0, 1.0], b=[1.0, 3.0])).pairs[0].hedges_g
    assert sizes.ci_low < sizes.g < sizes.ci_high
    held = []
    for _ in range(150):
        size = compare_groups(table(a=list(rng.normal(size=5)), b=list(truth + rng.normal(size=4)))).pairs[0].hedges_g
        # The corrected interval is that of the corrected effect: J · d for the true d.
        held.append(size.ci_low < truth * 0.888 < size.ci_high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.054)  # three standard errors


def test_groups_without_a_difference_seldom_differ() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(150):
        pair = compare_groups(table(a=list(rng.normal(size=4)), b=list(rng.normal(size=4)))).pairs[0]
        found.append((pair.student.p < 0.05, pair.welch.p < 0.05))
    assert np.all(np.mean(found, axis=0) < 0.103)  # three standard errors above 0.05


def test_three_groups_have_an_analysis_of_variance_and_corrected_pairs() -> None:
    groups = {"a": [1.0, 2.0, 2.5, 3.0], "b": [2.0, 3.5, 4.0], "c": [5.0, 4.5, 6.5, 7.0, 6.0]}
    result = compare_groups(table(**groups))
    peer = scipy.stats.f_oneway(*groups.values())
    assert result.anova is not None
    assert result.welch_anova is not None
    assert (result.anova.f, result.anova.p) == pytest.approx((peer[0], peer[1]))
    assert (result.anova.df, result.anova.df_residual) == (2, 9)
    welch = scipy.stats.f_oneway(*groups.values(), equal_var=False)
    assert (result.welch_anova.f, result.welch_anova.p) == pytest.approx((welch[0], welch[1]))
    assert [(pair.first.name, pair.second.name) for pair in result.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    corrected = multipletests([pair.welch.p for pair in result.pairs], method="holm")[1]
    assert [pair.p_corrected for pair in result.pairs] == pytest.approx(corrected)
    assert "differs between the groups (Welch's one-way ANOVA: F(2, " in result.in_words("REM sleep")


def test_each_animal_counts_once_however_many_rows_it_has() -> None:
    frame = simulate_cohort({"a": 4, "b": 4}, seed=0)
    means = frame.groupby(["animal", "group"], as_index=False)["value"].mean()
    pair = compare_groups(frame).pairs[0]
    assert pair.first.animals == 4
    assert pair.welch.p == pytest.approx(compare_groups(means).pairs[0].welch.p)


def test_order_of_rows_and_names_of_animals_change_nothing() -> None:
    frame = simulate_cohort({"a": 4, "b": 5}, seed=2)
    names = dict(zip(frame["animal"].unique(), np.random.default_rng(0).permutation(9), strict=True))
    other = frame.assign(animal=frame["animal"].map(names)).sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(compare_groups(frame).to_frame(), compare_groups(other).to_frame(), rtol=1e-12)


def test_another_unit_scales_differences_and_intervals_alone() -> None:
    frame = simulate_cohort({"a": 4, "b": 5}, seed=2)
    plain = compare_groups(frame).to_frame()
    scaled = compare_groups(frame.assign(value=100 * frame["value"])).to_frame()
    in_unit = ["mean_first", "mean_second", "sem_first", "sem_second", "difference"]
    in_unit += [f"{test}_{end}" for test in ("welch", "student") for end in ("ci_low", "ci_high")]
    plain[in_unit] *= 100
    pd.testing.assert_frame_equal(plain, scaled)


def test_a_group_of_one_animal_has_a_mean_and_a_sentence_but_no_test() -> None:
    result = compare_groups(table(wildtype=WILDTYPE, mutant=[9.0]))
    assert result.reason == "Group 'mutant' has one animal; a test needs two in each group."
    assert math.isnan(result.pairs[0].welch.p)
    assert math.isnan(result.pairs[0].p_corrected)
    assert result.groups[0].mean == 9.0
    assert result.in_words() == f"No test of 'wildtype' against 'mutant': {result.reason}"


def test_a_small_group_takes_no_test_from_the_others() -> None:
    result = compare_groups(table(a=WILDTYPE, b=MUTANT, c=[1.0]))
    assert [pair.reason is None for pair in result.pairs] == [True, False, False]
    assert result.pairs[0].p_corrected == result.pairs[0].welch.p
    assert result.anova is not None
    assert result.anova.p == pytest.approx(result.pairs[0].student.p)


def test_a_group_without_values_is_still_named() -> None:
    result = compare_groups(table(a=[1.0, 2.0, math.nan], b=[math.nan, math.nan]))
    assert result.reason == "Group 'b' has no animal with a value; a test needs two in each group."
    assert (result.missing, result.groups[0].animals, result.groups[1].animals) == (3, 2, 0)
    assert math.isnan(result.groups[1].mean)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"a": [0.1, 0.1], "b": [0.1, 0.1, 0.1]}, "All animals have the same value"),
        ({"a": [0.1, 0.1], "b": [0.3, 0.3]}, "no variation to test a difference"),
        ({"a": [0.0, 0.0], "b": [0.0, 0.0]}, "All animals have the same value"),
    ],
)
def test_values_without_variation_give_a_sentence(groups: dict[str, list[float]], words: str) -> None:
    result = compare_groups(table(**groups))
    assert words in (result.reason or "")
    assert result.pairs[0].difference == pytest.approx(groups["b"][0] - groups["a"][0])


def test_a_group_that_does_not_vary_is_compared_with_one_that_does() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair = compare_groups(table(a=[1.0, 1.0, 1.0], b=[1.0, 2.0, 3.0])).pairs[0]
    assert pair.welch.p == pytest.approx(scipy.stats.ttest_1samp([1.0, 2.0, 3.0], 1.0).pvalue)


@pytest.mark.parametrize("frame", [table(), table(a=[1.0, 2.0])])
def test_fewer_than_two_groups_give_a_sentence(frame: pd.DataFrame) -> None:
    result = compare_groups(frame)
    assert result.in_words().startswith("No test: The table has ")
    assert result.to_frame().empty


def test_the_sentence_says_everything(two_groups: GroupComparison) -> None:
    assert two_groups.in_words("time in REM sleep", "percentage points") == (
        "In group 'mutant', time in REM sleep was 3.27 percentage points lower than in group 'wildtype' "
        "(95 % CI −6.08 to −0.454; Welch's t(6.56) = −2.78, p = 0.029, Hedges' g = −1.66 [−3.07 to −0.177])."
    )


def test_groups_follow_the_order_of_a_categorical() -> None:
    frame = table(a=[1.0, 2.0], b=[3.0, 4.0])
    frame["group"] = pd.Categorical(frame["group"], categories=["b", "unused", "a"])
    assert [group.name for group in compare_groups(frame).groups] == ["b", "a"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"mouse": [1], "value": [1.0]}), "needs the columns animal, group, value; it has mouse, value"),
        (table(a=[1.0]).assign(value="much"), "Column 'value' must hold numbers"),
        (table(a=[1.0, 2.0]).assign(group=["a", None]), "Row 2 of the table has no group"),
        (table(a=[1.0], b=[2.0]).assign(animal="m1"), "Animal 'm1' is in groups 'a' and 'b'"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused_by_name(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(CohortError, match=message):
        compare_groups(frame)


def test_a_reference_that_is_not_there_is_refused() -> None:
    with pytest.raises(CohortError, match="no group 'wt' to compare with; it has a, b"):
        compare_groups(table(a=[1.0, 2.0], b=[3.0, 4.0]), reference="wt")
