from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from spindle.errors import CohortError
from spindle.statistics import compare_scorers


def scorings(bias: dict[str, float], *, animals: int = 6, hours: int = 1, seed: int = 0) -> pd.DataFrame:
    """Animals that differ much, and scorers that are off by a little more or less than their `bias`."""
    rng = np.random.default_rng(seed)
    levels = 30 + 8 * rng.normal(size=animals)
    rows = [
        (scorer, f"mouse {animal}", level + shift + 0.5 * rng.normal())
        for scorer, shift in bias.items()
        for animal, level in enumerate(levels)
        for _ in range(hours)
    ]
    return pd.DataFrame(rows, columns=["scorer", "animal", "value"])


def by_scorer(frame: pd.DataFrame, name: str) -> list[float]:
    return frame.loc[frame["scorer"] == name, "value"].to_list()


def test_animals_are_paired_unless_the_thesis_is_asked_for() -> None:
    frame = scorings({"expert 1": 0.0, "spindle": 2.0})
    values = by_scorer(frame, "spindle"), by_scorer(frame, "expert 1")
    paired, thesis = compare_scorers(frame), compare_scorers(frame, thesis=True)
    for result, peer in ((paired, scipy.stats.ttest_rel(*values)), (thesis, scipy.stats.ttest_ind(*values))):
        test = result.pairs[0].test
        interval = peer.confidence_interval()
        assert (test.t, test.df, test.p) == pytest.approx((peer.statistic, peer.df, peer.pvalue))
        assert (test.ci_low, test.ci_high) == pytest.approx((interval.low, interval.high))
    assert paired.pairs[0].test.p < 0.05 < thesis.pairs[0].test.p
    assert (paired.paired, thesis.paired) == (True, False)
    assert "same animals" in paired.note


def test_hours_of_an_animal_are_samples_for_the_thesis_alone() -> None:
    frame = scorings({"a": 0.0, "b": 0.2}, animals=4, hours=24)
    assert compare_scorers(frame).pairs[0].test.df == 3
    assert compare_scorers(frame, thesis=True).pairs[0].test.df == 2 * 4 * 24 - 2


def test_an_animal_that_one_scorer_lacks_is_left_out_of_their_pair() -> None:
    frame = scorings({"a": 0.0, "b": 1.0, "c": 0.0})
    lacking = frame[(frame["scorer"] != "b") | (frame["animal"] != "mouse 0")]
    result = compare_scorers(lacking)
    assert [pair.samples for pair in result.pairs] == [5, 6, 5]
    rest = compare_scorers(frame[frame["animal"] != "mouse 0"])
    assert result.pair("a", "b").test.p == pytest.approx(rest.pair("b", "a").test.p)


def test_a_scorer_stands_apart_who_differs_from_all_that_agree() -> None:
    apart = compare_scorers(scorings({"expert 1": 0.0, "expert 2": 0.0, "spindle": 3.0}))
    assert apart.stands_apart("spindle")
    assert not apart.stands_apart("expert 1")
    none_agree = compare_scorers(scorings({"expert 1": 0.0, "expert 2": 6.0, "spindle": 3.0}))
    assert not none_agree.stands_apart("spindle")
    assert not compare_scorers(scorings({"spindle": 0.0})).stands_apart("spindle")


def test_order_of_rows_and_names_of_animals_change_nothing() -> None:
    frame = scorings({"a": 0.0, "b": 1.0, "c": 0.0}, hours=3)
    names = {f"mouse {number}": f"{5 - number}" for number in range(6)}
    other = frame.assign(animal=frame["animal"].map(names)).sample(frac=1, random_state=0)
    for thesis in (False, True):
        first, second = (compare_scorers(one, thesis=thesis).to_frame() for one in (frame, other))
        pd.testing.assert_frame_equal(first, second, rtol=1e-9)


def test_another_unit_scales_differences_and_intervals_alone() -> None:
    frame = scorings({"a": 0.0, "b": 1.0})
    plain, scaled = (compare_scorers(frame.assign(value=by * frame["value"])).to_frame() for by in (1.0, 60.0))
    plain[["difference", "ci_low", "ci_high"]] *= 60
    pd.testing.assert_frame_equal(plain, scaled)


def test_scorers_that_share_too_few_animals_give_a_sentence() -> None:
    frame = scorings({"a": 0.0, "b": 1.0}, animals=1)
    result = compare_scorers(frame)
    assert result.in_words() == "No test of 'b' against 'a': The scorers share one animal; a paired test needs two."
    assert math.isnan(result.pairs[0].p_corrected)
    strangers = frame.assign(animal=frame["scorer"])
    assert "share no animal" in compare_scorers(strangers).in_words()
    assert "fewer than two values" in compare_scorers(frame, thesis=True).in_words()


def test_scorers_that_agree_everywhere_give_a_sentence() -> None:
    frame = scorings({"a": 0.0})
    both = pd.concat([frame, frame.assign(scorer="b", value=frame["value"] + 0.1)])
    assert "same amount in every animal" in (compare_scorers(both).pairs[0].reason or "")


def test_one_scorer_gives_a_sentence_and_an_unknown_one_an_error() -> None:
    result = compare_scorers(scorings({"a": 0.0}))
    assert result.in_words() == "No test: A comparison needs two scorers."
    with pytest.raises(CohortError, match="no pair 'a' and 'z'; the scorers are a"):
        result.pair("a", "z")


def test_the_sentence_says_everything() -> None:
    result = compare_scorers(scorings({"expert 1": 0.0, "spindle": 1.0}), correction="holm")
    assert result.in_words("REM sleep", "min").startswith("In the scoring of 'spindle', REM sleep was ")
    assert " min higher than in that of 'expert 1' (95 % CI " in result.in_words("REM sleep", "min")
