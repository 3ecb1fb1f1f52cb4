"""The FactorVAE score: does one latent stand still where one factor does?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from latentia.errors import SettingError
from latentia.evaluation.disentanglement.codes import Codes, FactorTable, check_tables, live
from latentia.evaluation.disentanglement.pairs import Groups, blocks_of, groups_of


@dataclass(frozen=True, kw_only=True, eq=False)
class FactorVaeScore:
    """Accuracies of the majority vote, from chance to 1."""

    score: float
    """On votes that the majorities were not counted from."""
    training_accuracy: float
    chance: float
    """1 / factors."""
    live: Bool[np.ndarray, " latents"]
    """Latents that were not pruned."""


def factor_vae_score(
    codes: Codes,
    factors: FactorTable,
    generator: np.random.Generator,
    *,
    batch: int = 64,
    training_votes: int = 10_000,
    test_votes: int = 5_000,
    least_variance: float = 0.05,
) -> FactorVaeScore:
    """Measure the score of Kim & Mnih (2018), with the numbers of Locatello et al. (2019).

    A vote is a factor k, drawn evenly, and the latent d whose variance over `batch` examples that share one value of
    factor k is smallest, relative to its variance over all examples. Each latent stands for the factor that most of
    its training votes have. The batches are drawn from the table (`latentia.evaluation.disentanglement.pairs`).

    Latents whose variance over all examples is at most `least_variance` are pruned first: a dead one is noise around
    0, and its relative variance could be smallest. The limit is for codes under a prior of variance 1; permuting
    latents leaves the score unchanged, and so does scaling them as long as none crosses the limit. Where all are
    dead, the score is chance. Errors: DataError where the tables do not fit; SettingError where numbers make no sense.
    """
    check_tables(codes, factors)
    if batch < 2 or min(training_votes, test_votes) < 1 or least_variance < 0:
        raise SettingError(
            "A vote wants a batch of 2 or more, one vote for training and one for testing or more, and a variance of "
            f"0 or more; these are {batch}, {training_votes}, {test_votes} and {least_variance}."
        )
    used = live(codes, least_variance)
    chance = 1 / factors.shape[1]
    if not used.any():
        return FactorVaeScore(score=chance, training_accuracy=chance, chance=chance, live=used)
    scaled = codes[:, used].astype(np.float64)
    scaled /= scaled.std(0)
    groups = groups_of(factors)
    latents, classes = _votes(scaled, groups, training_votes + test_votes, batch, generator)
    table = np.zeros((scaled.shape[1], len(groups)), np.int64)
    np.add.at(table, (latents[:training_votes], classes[:training_votes]), 1)
    right = table.argmax(1)[latents] == classes
    return FactorVaeScore(
        score=float(right[training_votes:].mean()),
        training_accuracy=float(right[:training_votes].mean()),
        chance=chance,
        live=used,
    )


def _votes(
    codes: Float64[np.ndarray, "n latents"],
    groups: list[Groups],
    votes: int,
    batch: int,
    generator: np.random.Generator,
) -> tuple[Int64[np.ndarray, " votes"], Int64[np.ndarray, " votes"]]:
    classes = generator.integers(0, len(groups), votes)
    latents = np.empty(votes, np.int64)
    for group, rows in blocks_of(groups, classes):
        latents[rows] = codes[group.of_one_value(len(rows), batch, generator)].var(1).argmin(1)
    return latents, classes
