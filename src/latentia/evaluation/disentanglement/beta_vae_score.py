"""The β-VAE score: can a linear classifier tell from differences of codes which factor two images share?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from latentia.errors import SettingError
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, check_tables
from latentia.evaluation.disentanglement.linear_classifier import fit_linear_classifier
from latentia.evaluation.disentanglement.pairs import Groups, blocks_of, groups_of


@dataclass(frozen=True, kw_only=True)
class BetaVaeScore:
    """Accuracies of the classifier, from chance to 1."""

    score: float
    """On points that it was not fitted to."""
    training_accuracy: float
    chance: float
    """1 / factors."""


def beta_vae_score(
    codes: Codes,
    factors: FactorTable,
    generator: np.random.Generator,
    *,
    pairs: int = 64,
    training_points: int = 10_000,
    test_points: int = 5_000,
) -> BetaVaeScore:
    """Measure the score of Higgins et al. (2017), with the numbers of Locatello et al. (2019).

    A point is a factor k, drawn evenly, and |z₁ − z₂|, averaged over `pairs` pairs of examples that share factor k,
    each with a value of its own; from the average a softmax regression tells k. The pairs are drawn from the table
    (`latentia.evaluation.disentanglement.pairs`). Permuting latents and scaling each by any number leave the score
    unchanged, up to the optimiser's last digits. A latent that never changes is no harm. A rotation of the latents
    may score 1: any linear mixture that differs by factor will do, which is this score's known weakness.
    Errors: DataError where the tables do not fit; SettingError where there are no pairs or points.
    """
    check_tables(codes, factors)
    if min(pairs, training_points, test_points) < 1:
        raise SettingError(f"pairs and points must be 1 or more: {pairs}, {training_points} and {test_points}.")
    table = codes.astype(np.float64)
    groups = groups_of(factors)
    inputs, classes = _points(table, groups, training_points + test_points, pairs, generator)
    predict = fit_linear_classifier(inputs[:training_points], classes[:training_points], len(groups))
    right = predict(inputs) == classes
    return BetaVaeScore(
        score=float(right[training_points:].mean()),
        training_accuracy=float(right[:training_points].mean()),
        chance=1 / len(groups),
    )


def _points(
    codes: Float64[np.ndarray, "n latents"],
    groups: list[Groups],
    points: int,
    pairs: int,
    generator: np.random.Generator,
) -> tuple[Float64[np.ndarray, "points latents"], Int64[np.ndarray, " points"]]:
    classes = generator.integers(0, len(groups), points)
    inputs = np.empty((points, codes.shape[1]))
    for group, rows in blocks_of(groups, classes):
        first = generator.integers(0, len(codes), (len(rows), pairs))
        second = group.partners(first, generator)
        inputs[rows] = np.abs(codes[first] - codes[second]).mean(1)
    return inputs, classes
