from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from tests.spindle.density.epochs import calibration

from latentia.errors import DataError
from spindle.density.threshold import CURVE_POINTS, calibrate, logistic_slope


def scores(count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log densities of which artifacts have lower ones, with a known slope of the log-odds."""
    rng = np.random.default_rng(seed)
    values = rng.normal(-3, 0.5, count)
    return values, rng.random(count) < scipy.special.expit(-6.0 * (values + 3.5))


def test_the_slope_is_that_of_the_odds_the_labels_were_drawn_with() -> None:
    values, marked = scores(20000)
    assert logistic_slope(-values, marked) == pytest.approx(6.0, rel=0.1)


def test_the_slope_stays_finite_where_nothing_overlaps_and_positive_where_all_is_upside_down() -> None:
    values = np.linspace(-1, 1, 50)
    assert 0 < logistic_slope(values, values > 0.3) < 1e3
    assert logistic_slope(values, values < 0.3) > 0


def test_the_threshold_agrees_best_with_the_labels_and_lies_at_one_half() -> None:
    values, marked = scores()
    told = calibrate(values, marked, top=2)
    called = values < told.threshold_nats
    agreement = (called & marked).sum() / (called | marked).sum()
    assert told.agreement == pytest.approx(agreement)
    assert told.precision == pytest.approx((called & marked).sum() / called.sum())
    for other in (-0.2, -0.02, 0.02, 0.2):
        moved = values < told.threshold_nats + other
        assert (moved & marked).sum() / (moved | marked).sum() <= agreement
    np.testing.assert_array_equal(told.probability(values) > 0.5, called)
    assert told.probability(np.array([told.threshold_nats]))[0] == pytest.approx(0.5)


def test_probabilities_fall_with_the_density_and_move_with_another_threshold() -> None:
    told = calibration(2, threshold_nats=-3.0, slope=4.0)
    values = np.array([-5.0, -3.0, -2.0, np.nan])
    np.testing.assert_allclose(told.probability(values), [1 / (1 + math.exp(-8)), 0.5, 1 / (1 + math.exp(4)), np.nan])
    assert told.probability(np.array([-2.0]), -2.0)[0] == pytest.approx(0.5)


def test_the_curve_is_kept_from_end_to_end() -> None:
    values, marked = scores()
    curve = calibrate(values, marked, top=1).curve
    assert len(curve) <= CURVE_POINTS
    assert [point[2] for point in curve] == sorted(point[2] for point in curve)
    assert curve[-1] == pytest.approx((values.max(), marked.mean(), 1.0))
    assert curve[0][0] == values.min()


def test_labels_of_one_kind_alone_choose_no_threshold() -> None:
    with pytest.raises(DataError, match="0 of 5"):
        calibrate(np.linspace(0, 1, 5), np.zeros(5, dtype=bool), top=1)
