"""Agreement over several recordings: their epochs taken together, and the spread over animals.

Epochs taken together weigh every epoch alike. Animals differ more than chance alone lets epochs differ, so what a
further animal may bring is told by the spread over animals, as in Table 5.5 of thesis A ("99 ± 0.5 %").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from spindle.agreement import Agreement, ArtifactAgreement, Comparison, Evaluation
from spindle.agreement_tables import rows
from spindle.errors import LabelError
from spindle.reliability import pool_reliability

RESAMPLES = 2000
INTERVAL_PERCENT = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over animals in which it is known; all NaN if there is none.

    `standard_deviation` is that of a sample, n − 1, NaN for a single animal. `low` and `high` are the ends of a
    bootstrap interval of 95 % for the mean: animals are drawn anew, with replacement, and the percentiles of their
    means are taken (Efron and Tibshirani 1993, chapter 13). With fewer than about 8 animals it is too narrow.
    """

    animals: int
    mean: float
    standard_deviation: float
    low: float
    high: float


def spread_over_animals(
    values: Float[np.ndarray, " animals"], generator: np.random.Generator, *, resamples: int = RESAMPLES
) -> Spread:
    """Summarise one figure per animal; NaN where it is not known for an animal, which then does not count."""
    known = values[~np.isnan(values)]
    count = len(known)
    if count == 0:
        return Spread(animals=0, mean=math.nan, standard_deviation=math.nan, low=math.nan, high=math.nan)
    means = known[generator.integers(0, count, (resamples, count))].mean(axis=1)
    low, high = np.percentile(means, INTERVAL_PERCENT)
    return Spread(
        animals=count,
        mean=float(known.mean()),
        standard_deviation=float(known.std(ddof=1)) if count > 1 else math.nan,
        low=float(low),
        high=float(high),
    )


def pool_evaluations(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Evaluate the epochs of several recordings as if they were one.

    What is not known for every recording, before decoding or of reliability, is not known for all.
    Errors: LabelError where there is no evaluation, or where they compare different scorers.
    """
    _check_alike(evaluations)
    trust = [one.reliability for one in evaluations if one.reliability is not None]
    return Evaluation(
        epochs=sum(one.epochs for one in evaluations),
        comparisons=tuple(
            _pool_comparisons(parts) for parts in zip(*(one.comparisons for one in evaluations), strict=True)
        ),
        reliability=pool_reliability(trust) if len(trust) == len(evaluations) else None,
    )


def pool_table(evaluations: Sequence[Evaluation], generator: np.random.Generator) -> pd.DataFrame:
    """Return every figure of `agreement_tables.rows` over the recordings, one per animal.

    Columns: `comparison`, `decoding`, `epochs`, `metric`, `state`; `pooled`, the figure of all epochs together; and
    the fields of `Spread`. Fractions, not percent. Errors: those of `pool_evaluations`.
    """
    pooled = rows(pool_evaluations(evaluations))
    by_animal = [{_key(row): float(row["value"]) for row in rows(one)} for one in evaluations]
    table = []
    for row in pooled:
        values = np.array([animal[_key(row)] for animal in by_animal])
        names = {name: cell for name, cell in row.items() if name != "value"}
        table.append({**names, "pooled": row["value"], **vars(spread_over_animals(values, generator))})
    return pd.DataFrame(table)


def _key(row: dict[str, str | float]) -> tuple[str | float, ...]:
    return tuple(cell for name, cell in row.items() if name != "value")


def _check_alike(evaluations: Sequence[Evaluation]) -> None:
    if not evaluations:
        raise LabelError("There is no evaluation to pool.")
    titles = [[comparison.title for comparison in one.comparisons] for one in evaluations]
    for number, found in enumerate(titles[1:], start=2):
        if found != titles[0]:
            raise LabelError(
                "Recordings are pooled where the same scorers are compared; the first has "
                f"{', '.join(titles[0])}, number {number} has {', '.join(found)}."
            )


def _pool_comparisons(parts: Sequence[Comparison]) -> Comparison:
    before = [part.before_decoding for part in parts if part.before_decoding is not None]
    return Comparison(
        reference=parts[0].reference,
        other=parts[0].other,
        states=_sum([part.states for part in parts]),
        near_changes=_sum([part.near_changes for part in parts]),
        steady=_sum([part.steady for part in parts]),
        before_decoding=_sum(before) if len(before) == len(parts) else None,
        artifacts=ArtifactAgreement(
            both=sum(part.artifacts.both for part in parts), either=sum(part.artifacts.either for part in parts)
        ),
        categories=np.sum([part.categories for part in parts], axis=0),
    )


def _sum(parts: Sequence[Agreement]) -> Agreement:
    return Agreement(confusion=np.sum([part.confusion for part in parts], axis=0))
