"""MIG, the mutual information gap: is each factor told by one latent and by no other?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from latentia.evaluation.disentanglement.codes import (
    Codes,
    FactorTable,
    check_tables,
    discretise,
    factor_entropies,
    mutual_information,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class MutualInformationGap:
    """The gaps, 0 to 1."""

    score: float
    """Mean over the factors."""
    per_factor: Float64[np.ndarray, " factors"]
    information: Float64[np.ndarray, "latents factors"]
    """I(z_d; v_k), in nats."""


def mutual_information_gap(codes: Codes, factors: FactorTable, *, bins: int = 20) -> MutualInformationGap:
    """Measure MIG (Chen et al. 2018) on codes in bins, as Locatello et al. (2019) do.

    gap_k = (I(z_d₁; v_k) − I(z_d₂; v_k)) / H(v_k), with d₁ and d₂ the latents that tell most of factor k; with one
    latent, the second tells nothing. Chen et al. take the posterior's own entropy in place of bins. Permuting,
    shifting and scaling latents leave it unchanged (`discretise` says how exactly); a dead latent is no harm.
    Errors: DataError where the tables do not fit; SettingError below 2 bins.
    """
    check_tables(codes, factors)
    information = mutual_information(discretise(codes, bins), factors)
    ranked = np.sort(np.vstack([np.zeros(factors.shape[1]), information]), axis=0)
    gaps = (ranked[-1] - ranked[-2]) / factor_entropies(factors)
    return MutualInformationGap(score=float(gaps.mean()), per_factor=gaps, information=information)
