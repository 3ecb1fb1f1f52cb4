"""DCI: disentanglement, completeness and informativeness, from how much each latent matters for predicting a factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from latentia.errors import DataError
from latentia.evaluation.disentanglement.boosted_trees import BoostedTrees
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, check_tables, entropy
from latentia.evaluation.disentanglement.prediction import Predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class Dci:
    """The three scores, 0 to 1."""

    disentanglement: float
    completeness: float
    informativeness: float
    """Mean accuracy over the factors, on test examples. (Eastwood & Williams give errors, Locatello et al. this.)"""
    per_latent: Float64[np.ndarray, " latents"]
    """D_d; 0 for a latent that matters for nothing, whose weight is 0 too."""
    per_factor: Float64[np.ndarray, " factors"]
    """C_k; 0 for a factor for which nothing matters."""
    importance: Float64[np.ndarray, "latents factors"]


def dci(
    codes: Codes,
    factors: FactorTable,
    generator: np.random.Generator,
    *,
    predictor: Predictor | None = None,
    test_share: float = 1 / 3,
) -> Dci:
    """Measure DCI (Eastwood & Williams 2018) with importances from gradient-boosted trees, as Locatello et al. (2019).

    The examples are split at random into `test_share` to test with and the rest to fit to. Another `predictor` gives
    other importances, and figures that do not compare. Permuting latents leaves the scores unchanged but for ties
    between equally good cuts; shifting, and scaling by a positive number, leave trees unchanged but for rounding.
    Errors: DataError where the tables do not fit or a part would be empty or lack a value of a factor; SettingError
    without scikit-learn, for the trees.
    """
    check_tables(codes, factors)
    order = generator.permutation(len(codes))
    held = round(test_share * len(codes))
    if not 0 < held < len(codes):
        raise DataError(f"Of {len(codes)} examples, a share of {test_share} to test with leaves a part empty.")
    test, train = order[:held], order[held:]
    for place, column in enumerate(factors.T):
        if len(np.unique(column[train])) < len(np.unique(column)):
            raise DataError(
                f"Among the {len(train)} examples to fit to, a value of factor {place} is missing; take more examples."
            )
    predict = BoostedTrees() if predictor is None else predictor
    predictions = [
        predict(codes[train], column[train].astype(np.int64), codes[test], column[test].astype(np.int64))
        for column in factors.T
    ]
    importance = np.stack([prediction.importance for prediction in predictions], axis=1).astype(np.float64)
    return from_importance(importance, float(np.mean([prediction.accuracy for prediction in predictions])))


def from_importance(importance: Float64[np.ndarray, "latents factors"], informativeness: float) -> Dci:
    """Scores of an importance matrix R.

    D_d = 1 − H(R_d· / Σ_k R_dk) / log factors, averaged with weights Σ_k R_dk / Σ R;
    C_k = 1 − H(R_·k / Σ_d R_dk) / log latents, averaged evenly. With one factor, or one latent, there is nothing to
    mix it with, and the score is 1 wherever anything matters.
    """
    per_latent = np.array([_concentration(row) for row in importance])
    per_factor = np.array([_concentration(column) for column in importance.T])
    total = importance.sum()
    weights = importance.sum(1) / total if total > 0 else np.zeros(len(importance))
    return Dci(
        disentanglement=float(weights @ per_latent),
        completeness=float(per_factor.mean()),
        informativeness=informativeness,
        per_latent=per_latent,
        per_factor=per_factor,
        importance=importance,
    )


def _concentration(shares: Float64[np.ndarray, " parts"]) -> float:
    """1 where one part has all, 0 where all have the same or there is nothing."""
    if shares.sum() <= 0:
        return 0.0
    return 1.0 if len(shares) == 1 else 1 - entropy(shares) / float(np.log(len(shares)))
