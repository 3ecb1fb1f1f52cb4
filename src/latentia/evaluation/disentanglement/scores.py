"""All metrics at once, each with random numbers of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from latentia.evaluation.disentanglement.beta_vae_score import beta_vae_score
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, factor_entropies
from latentia.evaluation.disentanglement.dci import dci
from latentia.evaluation.disentanglement.factor_vae_score import factor_vae_score
from latentia.evaluation.disentanglement.modularity import modularity
from latentia.evaluation.disentanglement.mutual_information_gap import mutual_information_gap
from latentia.evaluation.disentanglement.prediction import Predictor
from latentia.evaluation.disentanglement.separated_attribute import separated_attribute_predictability
from latentia.randomness import stream


@dataclass(frozen=True, kw_only=True, eq=False)
class DisentanglementScores:
    """What all metrics say of one table of codes."""

    scores: Mapping[str, float]
    """By the metric's name, 0 to 1, higher is better."""
    told: Float64[np.ndarray, "latents factors"]
    """Share of each factor's entropy that a latent tells, by the bins of MIG."""


def measure_all(
    codes: Codes, factors: FactorTable, *, seed: int, points: int = 10_000, predictor: Predictor | None = None
) -> DisentanglementScores:
    """Measure all metrics.

    `points` points, or votes, are what the classifiers of the β-VAE and the FactorVAE score are made from, and half as
    many test them. DCI is measured where there is a `predictor`, such as `BoostedTrees(trees=10)`; it takes the
    longest. Errors: as the metrics.
    """
    first, second, third = (np.random.default_rng(stream(seed, number)) for number in range(3))
    half = max(1, points // 2)
    gap = mutual_information_gap(codes, factors)
    scores = {
        "β-VAE": beta_vae_score(codes, factors, first, training_points=points, test_points=half).score,
        "FactorVAE": factor_vae_score(codes, factors, second, training_votes=points, test_votes=half).score,
        "MIG": gap.score,
        "SAP": separated_attribute_predictability(codes, factors).score,
        "modularity": modularity(codes, factors).score,
    }
    if predictor is not None:
        found = dci(codes, factors, third, predictor=predictor)
        scores |= {
            "DCI disentanglement": found.disentanglement,
            "DCI completeness": found.completeness,
            "DCI informativeness": found.informativeness,
        }
    return DisentanglementScores(scores=scores, told=gap.information / factor_entropies(factors))
