from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentia.errors import DataError
from latentia.evaluation import DetectionCurve, detection_curve

SCORED = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30).filter(
    lambda things: len({marked for _, marked in things}) == 2
)
Things = list[tuple[int, bool]]


def curve_of(things: Things) -> DetectionCurve:
    scores, marked = zip(*things, strict=True)
    return detection_curve(np.array(scores, dtype=np.float64), np.array(marked))


@given(SCORED)
def test_every_threshold_counts_what_a_loop_counts(things: Things) -> None:
    curve = curve_of(things)
    wanted = sorted({score for score, _ in things}, reverse=True)
    assert curve.thresholds.tolist() == wanted
    for place, threshold in enumerate(wanted):
        called = {number for number, (score, _) in enumerate(things) if score >= threshold}
        marked = {number for number, (_, mark) in enumerate(things) if mark}
        assert curve.precision[place] == pytest.approx(len(called & marked) / len(called))
        assert curve.recall[place] == pytest.approx(len(called & marked) / len(marked))
        assert curve.agreement[place] == pytest.approx(len(called & marked) / len(called | marked))


@given(SCORED)
def test_the_area_under_the_roc_is_the_chance_that_a_marked_thing_scores_higher(things: Things) -> None:
    pairs = [(high, low) for high, mark in things for low, other in things if mark and not other]
    wins = [float(high > low) + 0.5 * (high == low) for high, low in pairs]
    assert curve_of(things).area_under_roc == pytest.approx(np.mean(wins))


def test_average_precision_of_a_worked_example() -> None:
    """Marked things come first, third and fourth of five: (1 + 2/3 + 3/4) / 3."""
    curve = curve_of([(5, True), (4, False), (3, True), (2, True), (1, False)])
    assert curve.average_precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@given(SCORED)
def test_the_best_threshold_has_the_highest_f1_and_the_highest_agreement(things: Things) -> None:
    curve = curve_of(things)
    best = curve.best
    assert best.f1 == pytest.approx(curve.f1.max())
    assert best.agreement == pytest.approx(curve.agreement.max())
    assert best.f1 == pytest.approx(2 * best.precision * best.recall / (best.precision + best.recall))
    called = [mark for score, mark in things if score >= best.threshold]
    assert (sum(called) / len(called), sum(called) / curve.marked) == pytest.approx((best.precision, best.recall))


def test_the_best_threshold_lies_in_the_middle_of_the_gap() -> None:
    assert curve_of([(10, True), (8, True), (2, False), (0, False)]).best.threshold == 5


def test_what_has_no_curve_is_refused() -> None:
    with pytest.raises(DataError, match="some things marked and some not; 0 of 2"):
        curve_of([(1, False), (2, False)])
    with pytest.raises(DataError, match="2 of 2"):
        curve_of([(1, True), (2, True)])
    with pytest.raises(DataError, match="1 of 2 scores are not finite"):
        detection_curve(np.array([np.nan, 1.0]), np.array([True, False]))
