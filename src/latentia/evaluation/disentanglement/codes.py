"""What the metrics share: tables of codes and factors that are checked, bins, entropies, mutual information."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Integer

from latentia.errors import DataError, SettingError

Codes = Float[np.ndarray, "n latents"]
"""One row for each example, such as the means of its posterior."""
FactorTable = Integer[np.ndarray, "examples factors"]
"""The factors of the same examples, as whole numbers that name a value."""


def check_tables(codes: Codes, factors: FactorTable) -> None:
    """Errors: DataError where the rows differ in number, a code is not finite, or a factor has one value alone."""
    if len(codes) != len(factors):
        raise DataError(f"There are codes of {len(codes)} examples, and factors of {len(factors)}.")
    if len(codes) == 0 or codes.shape[1] == 0 or factors.shape[1] == 0:
        raise DataError(
            "Disentanglement is measured on examples with latents and factors; there are "
            f"{len(codes)} examples with {codes.shape[1]} latents and {factors.shape[1]} factors."
        )
    if not np.isfinite(codes).all():
        raise DataError(f"{int((~np.isfinite(codes)).sum())} of {codes.size} codes are not finite numbers.")
    for place, column in enumerate(factors.T):
        if column.min() == column.max():
            raise DataError(f"Factor {place} has the value {column[0]} in all examples; it tells nothing.")


def discretise(codes: Codes, bins: int = 20) -> Int64[np.ndarray, "n latents"]:
    """Number each latent's bins of equal width, from its lowest code to its highest, 0 … bins − 1.

    Shifting or scaling a latent by a positive number changes nothing; a negative one counts the bins backwards and
    moves codes that lie on an edge. A latent that never changes has all codes in bin 0. Errors: SettingError below 2
    bins.
    """
    if bins < 2:
        raise SettingError(f"Codes are put into 2 bins or more, not {bins}.")
    low, high = codes.min(0), codes.max(0)
    span = np.where(high > low, high - low, 1.0)
    numbers: Int64[np.ndarray, "n latents"] = np.minimum((codes - low) / span * bins, bins - 1).astype(np.int64)
    return numbers


def live(codes: Codes, least_variance: float) -> Bool[np.ndarray, " latents"]:
    """Latents whose codes vary: a β-VAE turns others off, and their noise means nothing."""
    return np.asarray(codes.var(0) > least_variance)


def counts(first: Integer[np.ndarray, " n"], second: Integer[np.ndarray, " n"]) -> Int64[np.ndarray, "first second"]:
    """How often each pair of values occurs together."""
    _, one = np.unique(first, return_inverse=True)
    _, other = np.unique(second, return_inverse=True)
    shape = (int(one.max()) + 1, int(other.max()) + 1)
    return np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def entropy(weights: Float[np.ndarray, "*shape"] | Integer[np.ndarray, "*shape"]) -> float:
    """Entropy in nats of a distribution that is given by weights, which need not sum to 1; 0 · log 0 is 0."""
    shares = np.asarray(weights, np.float64).ravel() / np.sum(weights)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def mutual_information(
    bins: Integer[np.ndarray, "n latents"], factors: FactorTable
) -> Float64[np.ndarray, "latents factors"]:
    """Mutual information of each latent's bins with each factor, in nats, as counted.

    I(a; b) = H(a) + H(b) − H(a, b). Of independent ones it is above 0 by about (bins − 1)(values − 1) / 2n.
    """
    found = np.zeros((bins.shape[1], factors.shape[1]))
    for latent, column in enumerate(bins.T):
        for factor, values in enumerate(factors.T):
            table = counts(column, values)
            found[latent, factor] = entropy(table.sum(0)) + entropy(table.sum(1)) - entropy(table)
    return np.maximum(found, 0.0)


def factor_entropies(factors: FactorTable) -> Float64[np.ndarray, " factors"]:
    """Entropy of each factor among the examples, in nats."""
    return np.array([entropy(np.unique(column, return_counts=True)[1]) for column in factors.T])
