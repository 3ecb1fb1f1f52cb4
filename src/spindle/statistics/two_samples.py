"""Student's and Welch's t tests, the paired t test, and Hedges' g, each with its interval."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float

from spindle.statistics.cohort import is_constant

CONFIDENCE = 0.95
_TAILS = (0.5 + CONFIDENCE / 2, 0.5 - CONFIDENCE / 2)


@dataclass(frozen=True, kw_only=True)
class TTest:
    """A two-tailed t test and the 95 % interval of the difference that it tests; all NaN where it cannot be done."""

    name: str
    t: float = math.nan
    df: float = math.nan
    p: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan


@dataclass(frozen=True, kw_only=True)
class FTest:
    """An F test with its degrees of freedom; all NaN where it cannot be done."""

    name: str
    f: float = math.nan
    df: float = math.nan
    df_residual: float = math.nan
    p: float = math.nan


@dataclass(frozen=True, kw_only=True)
class EffectSize:
    """Hedges' g and its 95 % interval; NaN without variance."""

    g: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan


STUDENT = "Student's t"
WELCH = "Welch's t"
PAIRED = "paired t"


def no_variation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> str | None:
    """Return a sentence where neither of two samples varies, so that nothing can be tested."""
    if not (is_constant(first) and is_constant(second)):
        return None
    if is_constant(np.concatenate([first, second])):
        return "All animals have the same value, so there is nothing to test."
    return "The animals of each group all have the same value, so there is no variation to test a difference against."


def t_test(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"], *, equal_variances: bool) -> TTest:
    """Test `second` minus `first`, two-tailed: Student's t with equal variances (thesis A, 5.4.5), or Welch's."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one of the two may be constant, which scipy warns of
        result = scipy.stats.ttest_ind(second, first, equal_var=equal_variances)
    return _t_test(STUDENT if equal_variances else WELCH, result)


def paired_t_test(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> TTest:
    """Test the mean of `second` minus `first`, pair by pair, two-tailed."""
    return _t_test(PAIRED, scipy.stats.ttest_rel(second, first))


def hedges_g(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> EffectSize:
    """Return the difference `second` − `first` in pooled standard deviations, corrected for small samples.

    The correction J is exact, Γ(ν/2) / (√(ν/2) Γ((ν − 1)/2)) with ν = n + m − 2 (Hedges 1981). The interval holds
    the effects for which the observed t, a noncentral t, lies within its middle 95 %; it supposes equal variances.
    """
    df = len(first) + len(second) - 2
    squares = ((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()
    if df < 1 or squares == 0:
        return EffectSize()
    scale = math.sqrt(1 / len(first) + 1 / len(second))
    d = float((second.mean() - first.mean()) / math.sqrt(squares / df))
    return _effect_size(d, scale, df)


def paired_hedges_g(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> EffectSize:
    """Return the mean of `second` − `first` in standard deviations of the differences, corrected as in `hedges_g`."""
    differences = second - first
    if len(differences) < 2 or is_constant(differences):
        return EffectSize()
    d = float(differences.mean() / differences.std(ddof=1))
    return _effect_size(d, 1 / math.sqrt(len(differences)), len(differences) - 1)


def _effect_size(d: float, scale: float, df: int) -> EffectSize:
    """From Cohen's d, whose noncentrality is d / scale."""
    # With one degree of freedom J is 0: Γ has its pole, and no unbiased effect exists.
    small = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2) if df > 1 else math.nan
    low, high = (scale * small * float(scipy.special.nctdtrinc(df, tail, d / scale)) for tail in _TAILS)
    return EffectSize(g=small * d, ci_low=low, ci_high=high)


def _t_test(name: str, result: Any) -> TTest:
    interval = result.confidence_interval(CONFIDENCE)
    return TTest(
        name=name,
        t=float(result.statistic),
        df=float(result.df),
        p=float(result.pvalue),
        ci_low=float(interval.low),
        ci_high=float(interval.high),
    )
