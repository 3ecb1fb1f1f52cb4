"""The parts of the metrics, on cases that are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from latentia.errors import DataError, SettingError
from latentia.evaluation.disentanglement import (
    Prediction,
    beta_vae_score,
    dci,
    factor_vae_score,
    modularity,
    mutual_information_gap,
    separated_attribute_predictability,
)
from latentia.evaluation.disentanglement.codes import discretise, entropy, mutual_information
from latentia.evaluation.disentanglement.dci import from_importance
from latentia.evaluation.disentanglement.linear_classifier import fit_linear_classifier
from latentia.evaluation.disentanglement.pairs import Groups
from latentia.evaluation.disentanglement.separated_attribute import best_thresholds

TWO_BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def test_entropies_are_in_nats_and_of_weights() -> None:
    assert entropy(np.array([5, 5])) == pytest.approx(math.log(2))
    assert entropy(np.array([3, 1, 0])) == pytest.approx(math.log(4) - 0.75 * math.log(3))
    assert entropy(np.array([7.0])) == 0


def test_bins_have_equal_width_and_a_constant_has_one() -> None:
    codes = np.array([[0.0, 3.0], [0.24, 3.0], [0.26, 3.0], [1.0, 3.0]])
    assert discretise(codes, 4).tolist() == [[0, 0], [0, 0], [1, 0], [3, 0]]


def test_mutual_information_of_half_a_copy() -> None:
    """Bin 0 says that the factor is 0; bin 1 leaves (1/3, 2/3): I = H(1/2) − 3/4 H(1/3)."""
    found = mutual_information(np.array([[0], [1], [1], [1]]), np.array([[0], [0], [1], [1]]))
    third = math.log(3) - 2 / 3 * math.log(2)
    assert found[0, 0] == pytest.approx(math.log(2) - 0.75 * third)


def test_one_latent_that_holds_two_bits_has_a_full_gap_and_no_modularity() -> None:
    codes = TWO_BITS @ np.array([[1.0], [2.0]])
    assert mutual_information_gap(codes, TWO_BITS).score == pytest.approx(1)
    assert modularity(codes, TWO_BITS).score == pytest.approx(0)


def test_a_factor_that_no_latent_tells_has_no_gap() -> None:
    found = mutual_information_gap(TWO_BITS[:, :1].astype(float), TWO_BITS)
    assert found.per_factor.tolist() == pytest.approx([1, 0])
    assert found.score == pytest.approx(0.5)


def test_modularity_leaves_out_latents_that_tell_nothing() -> None:
    codes = np.column_stack([TWO_BITS[:, 0], np.zeros(4)]).astype(float)
    found = modularity(codes, TWO_BITS)
    assert found.score == 1
    assert np.isnan(found.per_latent[1])
    assert modularity(np.zeros((4, 1)), TWO_BITS).score == 0


def test_disentanglement_and_completeness_of_an_importance_matrix() -> None:
    """D: a quarter and three quarters have an entropy of 0.811278 bits, each latent a weight of a half; C: 0.721928."""
    found = from_importance(np.array([[3.0, 1.0], [0.0, 4.0]]), 0.9)
    assert found.per_latent.tolist() == pytest.approx([0.188722, 1], abs=1e-6)
    assert found.per_factor.tolist() == pytest.approx([1, 0.278072], abs=1e-6)
    assert found.disentanglement == pytest.approx(0.594361, abs=1e-6)
    assert found.completeness == pytest.approx(0.639036, abs=1e-6)
    assert found.informativeness == 0.9


def test_a_dead_latent_has_no_weight_and_a_factor_that_nothing_matters_for_no_completeness() -> None:
    found = from_importance(np.array([[2.0, 0.0], [0.0, 0.0]]), 0.5)
    assert found.disentanglement == pytest.approx(1)
    assert found.per_factor.tolist() == pytest.approx([1, 0])
    nothing = from_importance(np.zeros((2, 2)), 0.5)
    assert nothing.disentanglement == nothing.completeness == 0


@pytest.mark.parametrize(
    ("table", "accuracy"),
    [
        ([[2, 0], [0, 2]], 1.0),
        ([[1, 0], [0, 2], [1, 0]], 0.75),  # one threshold cannot cut out the middle
        ([[1, 0, 0], [0, 0, 5], [0, 2, 0]], 1.0),  # classes need not be in order
        ([[1, 1, 1]], 1 / 3),
        ([[9, 1], [1, 1]], 0.7),  # balanced: (9/10 + 1/2) / 2, whatever the counts
    ],
)
def test_thresholds_are_the_best_ones(table: list[list[int]], accuracy: float) -> None:
    assert best_thresholds(np.array(table)) == pytest.approx(accuracy)


def test_a_numeric_factor_is_predicted_by_a_line() -> None:
    factors = np.array([[0, 0], [1, 1], [2, 0], [3, 1]])
    codes = np.array([[0.0], [1.0], [2.0], [3.0]])
    found = separated_attribute_predictability(codes, factors, numeric=[0])
    # The second is 0, 1, 0, 1 along the latent: three intervals would be needed, two tell three of four.
    assert found.predictability[0].tolist() == pytest.approx([1, 0.75])


def test_examples_that_are_drawn_share_a_value() -> None:
    values = np.array([4, 9, 4, 4, 7, 9])
    generator = np.random.default_rng(0)
    rows = values[Groups(values).of_one_value(200, 5, generator)]
    assert (rows == rows[:, :1]).all()
    assert set(rows[:, 0].tolist()) == {4, 7, 9}
    examples = generator.integers(0, 6, (200, 5))
    partners = Groups(values).partners(examples, generator)
    assert np.array_equal(values[partners], values[examples])
    assert set(partners[examples == 0].tolist()) == {0, 2, 3}


def test_the_linear_classifier_finds_lines_and_no_more() -> None:
    x = np.random.default_rng(0).normal(size=(600, 2))
    halves = (x @ [1.0, -2.0] > 0.3).astype(np.int64)
    assert np.mean(fit_linear_classifier(x, halves, 2)(x) == halves) > 0.99
    quarters = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    assert np.mean(fit_linear_classifier(x, quarters, 2)(x) == quarters) < 0.65


def test_another_predictor_takes_the_place_of_trees() -> None:
    def correlation(
        codes: np.ndarray, values: np.ndarray, test_codes: np.ndarray, test_values: np.ndarray
    ) -> Prediction:
        return Prediction(importance=np.abs(np.corrcoef(codes.T, values)[-1, :-1]).round(6), accuracy=0.25)

    codes = np.tile(TWO_BITS, (50, 1)).astype(float)
    found = dci(codes, codes.astype(np.int64), np.random.default_rng(0), predictor=correlation)
    assert found.importance.diagonal().tolist() == [1, 1]
    assert found.informativeness == 0.25


def test_settings_that_make_no_sense_are_refused() -> None:
    codes, generator = TWO_BITS.astype(float), np.random.default_rng(0)
    with pytest.raises(SettingError, match="2 bins or more, not 1"):
        mutual_information_gap(codes, TWO_BITS, bins=1)
    with pytest.raises(SettingError, match="pairs and points must be 1 or more: 0, 10000 and 5000"):
        beta_vae_score(codes, TWO_BITS, generator, pairs=0)
    with pytest.raises(SettingError, match="batch of 2 or more"):
        factor_vae_score(codes, TWO_BITS, generator, batch=1)
    with pytest.raises(SettingError, match=r"numeric factors among 0 to 1; these are 100, 0.0 and \[2\]"):
        separated_attribute_predictability(codes, TWO_BITS, numeric=[2])
    with pytest.raises(DataError, match="a value of factor 0 is missing; take more examples"):
        dci(np.arange(6.0)[:, None], np.arange(6)[:, None], generator)
    with pytest.raises(DataError, match="leaves a part empty"):
        dci(codes, TWO_BITS, generator, test_share=0.0)
