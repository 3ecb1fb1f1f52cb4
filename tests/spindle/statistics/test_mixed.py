from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
import statsmodels.formula.api as smf
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.anova import AnovaRM

from spindle.errors import CohortError
from spindle.statistics import compare_groups, mixed_model, two_way_anova
from spindle.statistics.sphericity import greenhouse_geisser, lecoutre

from .cohorts import simulate_cohort, table

TERMS = ("group", "bin", "group × bin")


def some_missing(frame: pd.DataFrame, seed: int, share: float = 0.1) -> pd.DataFrame:
    return frame[np.random.default_rng(seed).random(len(frame)) > share]


def split_plot(frame: pd.DataFrame) -> tuple[float, float, float]:
    """F of group, bin and their product in a complete, balanced table, from sums of squares by hand."""
    cube = np.stack([rows["value"].to_numpy().reshape(-1, 12) for _, rows in frame.groupby("group")])
    groups, animals, bins = cube.shape
    mean, by_group, by_bin = cube.mean(), cube.mean(axis=(1, 2)), cube.mean(axis=(0, 1))
    by_animal, cells = cube.mean(axis=2), cube.mean(axis=1)
    of_animals = bins * ((by_animal - by_group[:, None]) ** 2).sum() / (groups * (animals - 1))
    within = (cube - by_animal[:, :, None] - cells[:, None, :] + by_group[:, None, None]) ** 2
    of_rest = within.sum() / (groups * (animals - 1) * (bins - 1))
    of_group = animals * bins * ((by_group - mean) ** 2).sum() / (groups - 1)
    of_bin = groups * animals * ((by_bin - mean) ** 2).sum() / (bins - 1)
    of_both = animals * ((cells - by_group[:, None] - by_bin + mean) ** 2).sum() / ((groups - 1) * (bins - 1))
    return of_group / of_animals, of_bin / of_rest, of_both / of_rest


@pytest.mark.parametrize("sizes", [{"a": 4, "b": 4}, {"a": 5, "b": 5, "c": 5}])
def test_complete_tables_give_the_f_tests_of_a_split_plot_design(sizes: dict[str, int]) -> None:
    frame = simulate_cohort(sizes, seed=3, difference=0.5)
    result = mixed_model(frame)
    assert [result.term(name).f for name in TERMS] == pytest.approx(split_plot(frame), rel=1e-3)


def test_the_test_of_groups_is_student_on_means_of_animals_where_tables_are_complete() -> None:
    frame = simulate_cohort({"a": 4, "b": 6}, seed=4, difference=1.0)
    group, student = mixed_model(frame).term("group"), compare_groups(frame).pairs[0].student
    assert (group.f, group.df_residual, group.p) == pytest.approx((student.t**2, student.df, student.p), rel=1e-4)


def test_the_difference_and_its_interval_are_those_of_means_where_tables_are_complete() -> None:
    frame = simulate_cohort({"a": 4, "b": 6}, seed=4, difference=1.0)
    found, pair = mixed_model(frame).difference, compare_groups(frame).pairs[0]
    assert found is not None
    expected = (pair.difference, pair.student.ci_low, pair.student.ci_high)
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(expected, rel=1e-4)


def test_wald_tests_with_missing_bins_are_those_of_statsmodels() -> None:
    frame = some_missing(simulate_cohort({"a": 5, "b": 4, "c": 6}, seed=5, bins=6, difference=0.4), seed=1)
    peer = smf.mixedlm("value ~ C(group, Sum) * C(bin, Sum)", frame, groups="animal").fit(reml=True)
    names = peer.model.exog_names
    result = mixed_model(frame)
    parts = {
        "group": [i for i, name in enumerate(names) if "group" in name and ":" not in name],
        "bin": [i for i, name in enumerate(names) if "bin" in name and ":" not in name],
        "group × bin": [i for i, name in enumerate(names) if ":" in name],
    }
    covariance = np.asarray(peer.cov_params())
    for name, places in parts.items():
        estimate = np.asarray(peer.fe_params)[places]
        f = estimate @ np.linalg.solve(covariance[np.ix_(places, places)], estimate) / len(places)
        assert result.term(name).f == pytest.approx(f, rel=5e-3)
    assert result.sd_between**2 == pytest.approx(peer.cov_re.iloc[0, 0], rel=1e-2)
    assert result.sd_within**2 == pytest.approx(peer.scale, rel=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_variances_maximise_the_restricted_likelihood(seed: int) -> None:
    frame = some_missing(simulate_cohort({"a": 5, "b": 6}, seed=seed, bins=5), seed=seed)
    effects = smf.ols("value ~ C(group) * C(bin)", frame).exog
    animals = pd.get_dummies(frame["animal"]).to_numpy(dtype=float)
    y = frame["value"].to_numpy() - frame["value"].mean()

    def negative_log_likelihood(log_ratio: float) -> float:
        covariance = np.eye(len(y)) + np.exp(log_ratio) * animals @ animals.T
        information = effects.T @ np.linalg.solve(covariance, effects)
        estimate = np.linalg.solve(information, effects.T @ np.linalg.solve(covariance, y))
        rest = y - effects @ estimate
        squares = rest @ np.linalg.solve(covariance, rest)
        determinants = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
        return float(determinants + (len(y) - effects.shape[1]) * np.log(squares)) / 2

    best = scipy.optimize.minimize_scalar(negative_log_likelihood, bounds=(-10, 5), method="bounded")
    result = mixed_model(frame)
    assert result.sd_between**2 / result.sd_within**2 == pytest.approx(np.exp(best.x), rel=1e-3)


def test_degrees_of_freedom_are_between_and_within_animals() -> None:
    frame = simulate_cohort({"a": 4, "b": 5}, seed=6, bins=6).drop(index=[3, 20])
    result = mixed_model(frame)
    assert (result.term("group").df, result.term("group").df_residual) == (1, 7)
    for name in ("bin", "group × bin"):
        term = result.term(name)
        # 52 rows, less 9 animals, less 5 + 5 effects
        assert (term.df, term.df_residual) == pytest.approx((5 * result.sphericity, 33 * result.sphericity))
        assert term.p == pytest.approx(scipy.stats.f.sf(term.f, term.df, term.df_residual))


def test_bins_tested_alone_give_what_statsmodels_finds_for_one_group_of_repeats() -> None:
    """With groups that do not differ by construction, bin's numerator is that of an analysis without groups."""
    one = simulate_cohort({"a": 5}, seed=7)
    twin = one.assign(group="b", animal="b" + one["animal"])
    result = mixed_model(pd.concat([one, twin]))
    peer = AnovaRM(one, "value", "animal", within=["bin"]).fit().anova_table
    # The twin doubles sums of squares of bin and rest; degrees of freedom of the rest double as well.
    assert result.term("bin").f == pytest.approx(2 * float(peer["F Value"].iloc[0]), rel=1e-3)
    assert result.term("group × bin").f == pytest.approx(0, abs=1e-9)


def test_the_thesis_anova_calls_a_difference_that_the_mixed_model_does_not() -> None:
    """Two groups of one kind of animal; only animals differ (FACTS: p = 0.008 against 0.17 on such a cohort)."""
    frame = simulate_cohort({"wildtype": 4, "mutant": 4}, seed=38, sd_between=1.0)
    anova, mixed = two_way_anova(frame), mixed_model(frame)
    assert anova.term("group").p < 0.01
    assert mixed.term("group").p > 0.1
    assert "not" in (anova.warning or "")
    assert mixed.warning is None


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_cohorts_without_a_difference_seldom_differ(correlation: float) -> None:
    found = []
    for seed in range(50):
        result = mixed_model(simulate_cohort({"a": 4, "b": 4}, seed=seed, correlation=correlation, sd_between=0.7))
        found.append([result.term("group").p < 0.05, result.term("group × bin").p < 0.05])
    assert np.all(np.mean(found, axis=0) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 50))


def test_the_thesis_anova_finds_differences_between_groups_that_there_are_not() -> None:
    cohorts = [simulate_cohort({"a": 4, "b": 4}, seed=seed) for seed in range(20)]
    assert np.mean([two_way_anova(cohort).term("group").p < 0.05 for cohort in cohorts]) > 0.2


def test_a_real_difference_of_course_is_found_as_an_interaction() -> None:
    frame = simulate_cohort({"a": 5, "b": 5}, seed=9)
    late = (frame["group"] == "b") & (frame["bin"] >= 12)
    result = mixed_model(frame.assign(value=frame["value"] + 3.0 * late))
    assert result.term("group × bin").p < 0.001
    assert "The difference depends on the bin" in result.in_words()


def test_order_of_rows_and_names_of_animals_change_nothing() -> None:
    frame = some_missing(simulate_cohort({"a": 4, "b": 5}, seed=2), seed=2)
    names = dict(zip(frame["animal"].unique(), np.random.default_rng(0).permutation(9), strict=True))
    other = frame.assign(animal=frame["animal"].map(names)).sample(frac=1, random_state=3)
    first, second = mixed_model(frame), mixed_model(other)
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame(), rtol=1e-4)
    pd.testing.assert_frame_equal(mixed_model(frame.sample(frac=1, random_state=4)).to_frame(), first.to_frame())


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_another_unit_scales_differences_and_intervals_alone(factor: float) -> None:
    frame = some_missing(simulate_cohort({"a": 4, "b": 5}, seed=2), seed=2)
    plain, scaled = mixed_model(frame), mixed_model(frame.assign(value=factor * frame["value"]))
    pd.testing.assert_frame_equal(plain.to_frame(), scaled.to_frame(), rtol=1e-6)
    assert plain.difference is not None
    assert scaled.difference is not None
    for name in ("value", "ci_low", "ci_high"):
        assert getattr(scaled.difference, name) == pytest.approx(factor * getattr(plain.difference, name), rel=1e-6)
    assert (scaled.sd_within, scaled.sd_between) == pytest.approx(
        (factor * plain.sd_within, factor * plain.sd_between), rel=1e-5
    )


def test_animals_may_miss_bins_and_groups_may_differ_in_size() -> None:
    frame = some_missing(simulate_cohort({"a": 3, "b": 7}, seed=8, difference=4.0), seed=3, share=0.2)
    result = mixed_model(frame.assign(value=frame["value"].where(frame["bin"] != 4, math.nan)))
    assert result.bins == (0, 2, 6, 8, 10, 12, 14, 16, 18, 20, 22)
    assert result.missing == int((frame["bin"] == 4).sum())
    assert result.term("group").p < 0.01
    assert result.difference is not None
    assert result.difference.ci_low < 4.0 < result.difference.ci_high


def test_a_bin_that_one_group_lacks_is_left_out_and_named() -> None:
    frame = simulate_cohort({"a": 4, "b": 4}, seed=1)
    result = mixed_model(frame[(frame["group"] != "b") | (frame["bin"] != 6)])
    assert 6 not in result.bins
    assert result.notes == ("Bin 6 is left out, because a group has no value there.",)
    without = mixed_model(frame[frame["bin"] != 6])
    assert result.term("group").p == pytest.approx(without.term("group").p)


def test_several_values_of_an_animal_in_one_bin_are_averaged() -> None:
    frame = simulate_cohort({"a": 4, "b": 4}, seed=1)
    twice = pd.concat([frame.assign(value=frame["value"] + shift) for shift in (-1.0, 1.0)])
    result = mixed_model(twice)
    pd.testing.assert_frame_equal(result.to_frame(), mixed_model(frame).to_frame(), rtol=1e-5)
    assert result.notes == ("Several values of one animal in one bin are averaged.",)


def test_a_group_of_one_animal_gives_a_sentence() -> None:
    result = mixed_model(simulate_cohort({"a": 4, "b": 1}, seed=1))
    assert result.reason == "Group 'b' has one animal; a test needs two in each group."
    assert result.in_words() == f"No test: {result.reason}"
    assert result.to_frame()["p"].isna().all()
    assert result.groups[1].mean > 0


def test_a_third_group_of_one_animal_is_left_out() -> None:
    frame = simulate_cohort({"a": 4, "b": 4, "c": 1}, seed=1)
    result = mixed_model(frame)
    assert result.notes[0] == "Group 'c' has one animal; a test needs two in each group. It is left out."
    assert result.term("group").p == pytest.approx(mixed_model(frame[frame["group"] != "c"]).term("group").p)


def constant(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=0.1)


def constant_groups(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=frame["group"].map({"a": 0.1, "b": 0.7}) + frame["bin"] / 10)


def constant_animals(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=frame.groupby("animal")["value"].transform("mean") + frame["bin"] / 10)


def one_bin(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["bin"] == 0]


def no_values(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=math.nan)


def one_bin_each(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["bin"] == 2 * frame["animal"].str[-1].astype(int)]


def one_of_two_bins_each(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["bin"] == 2 * (frame["animal"].str[-1].astype(int) % 2)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (constant, "All values are the same"),
        (constant_groups, "no variation to test a difference"),
        (constant_animals, "nothing in the values varies"),
        (one_bin, "only one bin"),
        (no_values, "no animal with a value"),
        (one_bin_each, "one value for each group and bin"),
        (one_of_two_bins_each, "too few values"),
    ],
)
def test_tables_without_an_answer_give_a_sentence_and_no_warning(
    change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    frame = change(simulate_cohort({"a": 4, "b": 4}, seed=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = mixed_model(frame)
        two_way_anova(frame)
    assert words in (result.reason or "")
    assert result.in_words().startswith("No test: ")


def test_no_warning_of_the_fit_reaches_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = [mixed_model(simulate_cohort({"a": 4, "b": 4}, seed=seed, sd_between=0.0)) for seed in range(6)]
    assert any("counts as nothing" in note for result in results for note in result.notes)


class _NotConverged:
    converged = False
    scale = 1.0
    cov_re = np.ones((1, 1))


def fails(*_: object, **__: object) -> _NotConverged:
    raise np.linalg.LinAlgError("Singular matrix")


def does_not_converge(*_: object, **__: object) -> _NotConverged:
    return _NotConverged()


@pytest.mark.parametrize("fit", [fails, does_not_converge])
def test_a_fit_that_fails_is_replaced_and_says_so(fit: object, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = simulate_cohort({"a": 4, "b": 4}, seed=3, difference=0.5)
    incomplete = some_missing(complete, seed=4)
    fitted = [mixed_model(frame) for frame in (complete, incomplete)]
    monkeypatch.setattr(MixedLM, "fit", fit)
    replaced = [mixed_model(frame) for frame in (complete, incomplete)]
    assert all("did not converge" in result.notes[0] for result in replaced)
    for tolerance, one, other in zip((1e-3, 0.15), fitted, replaced, strict=True):
        assert [other.term(name).f for name in TERMS] == pytest.approx(
            [one.term(name).f for name in TERMS], rel=tolerance
        )


def test_sphericity_is_one_for_alike_bins_and_least_for_one_contrast() -> None:
    contrasts = np.vstack([np.eye(4), -np.eye(4)])
    assert greenhouse_geisser(contrasts - contrasts.mean(axis=0)) == pytest.approx(1.0)
    one = np.array([[1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    assert greenhouse_geisser(one) == pytest.approx(1 / 3)


def test_greenhouse_geisser_equals_boxs_formula_on_the_covariance() -> None:
    residuals = np.random.default_rng(0).normal(size=(9, 5)) @ np.random.default_rng(1).normal(size=(5, 5))
    residuals -= residuals.mean(axis=0)
    s = np.cov(residuals.T)
    k = 5
    numerator = (k * (np.trace(s) / k - s.mean())) ** 2
    denominator = (k - 1) * ((s**2).sum() - 2 * k * (s.mean(axis=1) ** 2).sum() + k**2 * s.mean() ** 2)
    assert greenhouse_geisser(residuals) == pytest.approx(numerator / denominator)


def test_huynh_feldts_factor_lies_between_greenhouse_geissers_and_one() -> None:
    for epsilon in np.linspace(0.1, 1.0, 10):
        assert epsilon <= lecoutre(float(epsilon), contrasts=10, df=12) <= 1.0
    # By hand: (7 · 3 · 0.5 − 2) / (3 · (6 − 1.5))
    assert lecoutre(0.5, contrasts=3, df=6) == pytest.approx(8.5 / 13.5)


def test_a_table_without_bins_is_refused() -> None:
    with pytest.raises(CohortError, match="needs the columns animal, group, bin, value; it has animal, group, value"):
        mixed_model(table(a=[1.0, 2.0], b=[1.0, 2.0]))
