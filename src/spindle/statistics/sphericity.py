"""How far bins of one animal are from being exchangeable, which analyses of repeated measures suppose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from spindle.statistics.repeated import Layout


def huynh_feldt(layout: Layout) -> float | None:
    """Return Huynh and Feldt's factor on degrees of freedom, in Lecoutre's form (1991): from 1/(bins − 1) to 1.

    An animal's missing bins count as its own level, which adds nothing to the covariance. None for fewer than two
    animals more than groups.
    """
    table = layout.rows.pivot(index=["group", "animal"], columns="bin", values="value")
    df = len(table) - len(layout.groups)
    if df < 2:
        return None
    residuals = (table - table.groupby("group").transform("mean")).to_numpy(dtype=np.float64)
    centred = np.nan_to_num(residuals - np.nanmean(residuals, axis=1, keepdims=True), nan=0.0)
    return lecoutre(greenhouse_geisser(centred), contrasts=len(layout.bins) - 1, df=df)


def greenhouse_geisser(residuals: Float[np.ndarray, "animals bins"]) -> float:
    """Return ε = tr(S)² / ((bins − 1) tr(S²)), S the covariance of residuals about each animal's own mean.

    Residuals are about the means of groups in each bin.
    """
    centred = residuals - residuals.mean(axis=1, keepdims=True)
    # tr(S) and tr(S²) are sums over the animals' own products, a smaller matrix when bins are many.
    products = centred @ centred.T
    squares = float((products**2).sum())
    return float(np.trace(products)) ** 2 / ((residuals.shape[1] - 1) * squares) if squares > 0 else 1.0


def lecoutre(epsilon: float, *, contrasts: int, df: int) -> float:
    """Return Huynh and Feldt's factor from Greenhouse and Geisser's, never below it and never above 1.

    `contrasts` is bins − 1, `df` animals − groups. Without the correction that Lecoutre made, df + 1 would be the
    number of animals, which is too many with several groups.
    """
    below = df - contrasts * epsilon
    if below <= 0:
        return 1.0
    return float(np.clip(((df + 1) * contrasts * epsilon - 2) / (contrasts * below), epsilon, 1.0))
