"""Results as sentences for sleep researchers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from spindle.statistics.two_samples import EffectSize, FTest, TTest


def number(value: float) -> str:
    """Three significant digits, with a true minus sign."""
    text = f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
    text = f"{value:.0f}" if 1e3 <= abs(value) < 1e4 else text
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """Three decimals; smaller ones are only said to be so."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def amount(value: float, unit: str) -> str:
    """A number with its unit; "%" and the like follow a space as well."""
    return f"{number(value)} {unit}".rstrip()


def interval(low: float, high: float) -> str:
    """A 95 % interval in brackets' words."""
    return f"95 % CI {number(low)} to {number(high)}"


def t_test(test: TTest) -> str:
    """For example: Welch's t(6.2) = −2.41, p = 0.051."""
    return f"{test.name}({number(test.df)}) = {number(test.t)}, {p_value(test.p)}"


def f_test(test: FTest) -> str:
    """For example: F(1, 6) = 5.8, p = 0.053."""
    return f"F({number(test.df)}, {number(test.df_residual)}) = {number(test.f)}, {p_value(test.p)}"


def effect(size: EffectSize) -> str:
    """Hedges' g and its interval, after a comma; empty where it is unknown."""
    if math.isnan(size.g):
        return ""
    return f", Hedges' g = {number(size.g)} [{number(size.ci_low)} to {number(size.ci_high)}]"


def compared(*, quantity: str, unit: str, second: str, first: str, difference: float) -> str:
    """Say which of two is higher: "In group 'mutant', REM sleep was 4.1 % lower than in group 'wildtype'"."""
    if difference == 0:
        return f"{capital(quantity)} was on average the same in {second} and {first}"
    size = amount(abs(difference), unit)
    return f"In {second}, {quantity} was {size} {'lower' if difference < 0 else 'higher'} than in {first}"


def capital(text: str) -> str:
    """A text as the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def listed(names: Sequence[Hashable]) -> str:
    """A list for reading: "a", "a and b", "a, b and c"; numbers without needless digits."""
    texts = [f"{name:g}" if isinstance(name, float) else str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def counted(count: int, noun: str) -> str:
    """A number of things: "one bin", "3 bins"."""
    return f"one {noun}" if count == 1 else f"{count:,} {noun}s"
