"""Modularity: does each latent tell of one factor alone?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from latentia.errors import DataError
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, check_tables, discretise, mutual_information

NOTHING = 1e-12
"""Rounding leaves less than this many nats where there is no information."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Modularity:
    """The deviations from a latent that tells of one factor, turned round: 0 to 1."""

    score: float
    """Mean over the latents that tell of any factor; 0 where none does."""
    per_latent: Float64[np.ndarray, " latents"]
    """NaN for a latent that tells nothing."""
    information: Float64[np.ndarray, "latents factors"]
    """I(z_d; v_k), in nats."""


def modularity(codes: Codes, factors: FactorTable, *, bins: int = 20) -> Modularity:
    """Measure modularity (Ridgeway & Mozer 2018) on codes in bins.

    With m_dk = I(z_d; v_k) and θ_d = max_k m_dk, a latent has 1 − Σ_{k ≠ best} m_dk² / (θ_d² (factors − 1)). It asks
    nothing of how many latents tell of a factor, nor how much: codes of pure noise have what chance makes of it, often
    0.5 or more, so it says little alone. Latents that tell nothing at all are left out. Permuting, shifting and scaling
    latents leave it unchanged (`discretise` says how exactly). Errors: DataError where the tables do not fit or there
    is one factor alone; SettingError below 2 bins.
    """
    check_tables(codes, factors)
    if factors.shape[1] < 2:
        raise DataError("Modularity wants two factors or more; there is 1.")
    information = mutual_information(discretise(codes, bins), factors)
    most = information.max(1)
    tells = most > NOTHING
    shares = information[tells] / most[tells, None]
    per_latent = np.full(len(information), np.nan)
    per_latent[tells] = 1 - ((shares**2).sum(1) - 1) / (factors.shape[1] - 1)
    score = float(per_latent[tells].mean()) if tells.any() else 0.0
    return Modularity(score=score, per_latent=per_latent, information=information)
