"""From the networks' probabilities to states: the Markov chain, and the share of each state in a recording.

Thesis A, 5.3.3 decodes with equal entries beside its two zeros, and standardises once. Both are here, and two steps
beyond it that are on by default; `docs/decisions/0007-decoding-beyond-the-thesis.md` has what they bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from spindle.errors import SettingError
from spindle.hypnogram import Hypnogram
from spindle.markov import Transitions, posterior, viterbi

SMALLEST_SHARE = 0.02
"""A state that fills less of a recording is not weighted up further: a few epochs cannot stand for a state."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How states follow from the CNN's probabilities.

    `evidence_weight` scales the CNN's log-probabilities: neighbouring windows share four of their five epochs, so
    what they say is not independent, and counting it in full is overconfident. `rounds` is how often a recording is
    standardised and scored: after the first round, each epoch counts by how much its state is over- or
    under-represented against the labels that the model was trained on. In an hour of nothing but sleep, sleep would
    otherwise be the mean, and its lighter half would look like wake.
    """

    transitions: Transitions
    evidence_weight: float = 0.7
    rounds: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.evidence_weight <= 1:
            raise SettingError(f"The weight of evidence must lie above 0 and up to 1, not at {self.evidence_weight:g}.")
        if self.rounds < 1:
            raise SettingError(f"A recording is scored in 1 round or more, not in {self.rounds}.")

    @classmethod
    def of_thesis(cls) -> Decoding:
        """Decode as thesis A, 5.3.3 does: equal entries, full evidence, one round."""
        return cls(transitions=Transitions(), evidence_weight=1.0, rounds=1)

    def decode(
        self, network: Float[np.ndarray, "epochs 3"], usable: Bool[np.ndarray, " epochs"]
    ) -> tuple[Hypnogram, Float[np.ndarray, "epochs 3"]]:
        """Return the most probable sequence of states, and each epoch's posterior; unscored where not usable."""
        evidence = self.evidence_weight * np.log(np.maximum(network, np.float32(1e-30)))
        codes = np.where(usable, viterbi(evidence, self.transitions), -1).astype(np.int8)
        posteriors = np.where(usable[:, None], posterior(evidence, self.transitions), np.nan).astype(np.float32)
        return Hypnogram(codes=codes, artifact=np.zeros(len(codes), dtype=bool)), posteriors


def composition_weights(
    posteriors: Float[np.ndarray, "epochs 3"], composition: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " epochs"]:
    """Weigh epochs so that states count by `composition`; 0 where unscored, and a sum of 1.

    The weight of an epoch is the mean of composition/share over its own posterior, where share is the part of the
    recording that a state fills.
    """
    known = np.nan_to_num(posteriors, nan=0.0).astype(np.float64)
    share = known.sum(axis=0) / known.sum()
    weights = known @ (composition / np.maximum(share, SMALLEST_SHARE))
    return np.asarray(weights / weights.sum())
