"""SAP, the separated attribute predictability: how far ahead is a factor's best single latent of its second best?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from latentia.errors import SettingError
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, check_tables, counts, live


@dataclass(frozen=True, kw_only=True, eq=False)
class SeparatedAttributes:
    """The differences of the two best predictions, 0 to 1."""

    score: float
    """Mean over the factors."""
    per_factor: Float64[np.ndarray, " factors"]
    predictability: Float64[np.ndarray, "latents factors"]
    """S_dk: how well latent d alone predicts factor k; 0 for a latent that never changes."""


def separated_attribute_predictability(
    codes: Codes,
    factors: FactorTable,
    *,
    numeric: Collection[int] = (),
    least_variance: float = 0.0,
    intervals: int = 100,
) -> SeparatedAttributes:
    """Measure SAP (Kumar et al. 2018).

    Of a factor that is one of the places in `numeric`, S_dk is R² of a linear regression on latent d: the squared
    correlation. Of any other, its values are classes, and S_dk is the best balanced accuracy of thresholds on latent d
    that cut it into as many intervals as there are classes, each interval being called a class; thresholds lie between
    `intervals` groups of equally many examples, and the best ones are found exactly. It is fitted and measured on the
    same examples. The gap of a factor is its largest S less its second largest; with one latent, the second is 0.
    S of a latent that tells nothing is 0 for R² and 1 / classes, or a little more, for classes, so 1 is
    out of reach of the gap there: 1 − 1 / classes is the most.

    A latent whose variance is at most `least_variance` has S = 0. Permuting, shifting, scaling and mirroring latents
    leave it unchanged, up to examples of equal code. Errors: DataError where the tables do not fit; SettingError where
    numbers make no sense.
    """
    check_tables(codes, factors)
    count = factors.shape[1]
    if intervals < 2 or least_variance < 0 or not all(0 <= place < count for place in numeric):
        raise SettingError(
            f"SAP wants 2 intervals or more, a variance of 0 or more, and numeric factors among 0 to {count - 1}; "
            f"these are {intervals}, {least_variance} and {sorted(numeric)}."
        )
    found = np.zeros((codes.shape[1], count))
    for latent in np.flatnonzero(live(codes, least_variance)):
        column = codes[:, latent].astype(np.float64)
        groups = _equal_groups(column, intervals)
        for factor, values in enumerate(factors.T):
            if factor in numeric:
                found[latent, factor] = np.corrcoef(column, values)[0, 1] ** 2
            else:
                found[latent, factor] = best_thresholds(counts(groups, values))
    ranked = np.sort(np.vstack([np.zeros(count), found]), axis=0)
    gaps = ranked[-1] - ranked[-2]
    return SeparatedAttributes(score=float(gaps.mean()), per_factor=gaps, predictability=found)


def best_thresholds(table: Int64[np.ndarray, "groups classes"]) -> float:
    """Best balanced accuracy of as many intervals of the ordered groups as there are classes, each called a class.

    best(m, b) = max over a of best(m − 1, a) + the most that one class has of its own examples in groups a … b − 1.
    """
    classes = table.shape[1]
    below = np.vstack([np.zeros(classes), np.cumsum(table / table.sum(0), axis=0)])
    gain = (below[None] - below[:, None]).max(2)  # from the first axis to the second
    gain[np.tril_indices(len(gain), -1)] = -np.inf
    best = gain[0]
    for _ in range(classes - 1):
        best = (best[:, None] + gain).max(0)
    return float(best[-1] / classes)


def _equal_groups(column: Float64[np.ndarray, " n"], groups: int) -> Int64[np.ndarray, " n"]:
    """Number groups of about equally many examples, by order; equal codes are in one group."""
    values = np.unique(column)
    if len(values) > groups:
        values = np.unique(np.quantile(column, np.arange(groups) / groups, method="lower"))
    return np.asarray(np.searchsorted(values, column, side="right") - 1, np.int64)
