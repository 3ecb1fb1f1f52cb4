"""Decoding with a hidden Markov model: the most probable sequence of states, and the probability of each.

Thesis A, 5.3.3. The hidden chain moves between vigilance states; the CNN tells how well each state explains an epoch.
A hybrid of network and hidden Markov model emits p(state | x) / prior(state). The network is trained with balanced
class weights, so its prior is uniform, and the logarithm of its probabilities serves as the log-likelihood directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from spindle.errors import SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage

FORBIDDEN = ((Stage.WAKE, Stage.REM), (Stage.REM, Stage.NREM))
"""Transitions (from, to) that do not occur in healthy rodents (thesis A, 5.3.3)."""

Pairs = Sequence[tuple[Stage, Stage]]

_STATES = len(STAGES)
_SUM_TOLERANCE = 1e-6
# A state is never less likely than the epoch's best by more than this factor, so that evidence which the forbidden
# transitions contradict costs much but never leaves a recording without any possible path.
_FLOOR = float(np.log(1e-30))


def _allowed(forbidden: Pairs) -> NDArray[np.float64]:
    allowed = np.ones((_STATES, _STATES))
    for source, target in forbidden:
        allowed[source.code, target.code] = 0.0
    return allowed


def _thesis_matrix() -> NDArray[np.float64]:
    allowed = _allowed(FORBIDDEN)
    return np.asarray(allowed / allowed.sum(axis=1, keepdims=True))


def _uniform() -> NDArray[np.float64]:
    return np.full(_STATES, 1.0 / _STATES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """The Markov chain of vigilance states, in the order of `STAGES`.

    `matrix[i, j]` is the probability that state j follows state i; `initial[i]` that a recording starts in state i.
    By default WAKE→REM and REM→NREM are 0, the remaining entries of each row are equal, and so is the start
    (thesis A, 5.3.3). Errors: SettingError where a row is no probability distribution.
    """

    matrix: Float[np.ndarray, "3 3"] = field(default_factory=_thesis_matrix)
    initial: Float[np.ndarray, " 3"] = field(default_factory=_uniform)

    def __post_init__(self) -> None:
        for stage, row in zip(STAGES, self.matrix, strict=True):
            _check_distribution(row, f"The row of transitions from {stage}")
        _check_distribution(self.initial, "The distribution of the first state")

    @classmethod
    def parse(cls, text: str, source: str = "The transition matrix") -> Transitions:
        """Read a 3×3 matrix, rows and columns in the order WAKE, NREM, REM.

        Either JSON, `[[…], […], […]]` or `{"matrix": …, "initial": …}`, or three lines of three numbers between
        commas, semicolons or blanks. `source` names the text in errors. Errors: SettingError.
        """
        try:
            content = json.loads(text) if text.lstrip()[:1] in ("[", "{") else _table(text)
            parts = content if isinstance(content, dict) else {"matrix": content}
            matrix = np.array(parts["matrix"], dtype=np.float64)
            initial = np.array(parts["initial"], dtype=np.float64) if "initial" in parts else _uniform()
        # RecursionError: JSON nested thousands deep. OverflowError: an integer beyond any float.
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            raise SettingError(f"{source} is not a table of 3 × 3 numbers (wake, nrem, rem).") from None
        if matrix.shape != (_STATES, _STATES) or initial.shape != (_STATES,):
            shape = " × ".join(map(str, matrix.shape if matrix.shape != (_STATES, _STATES) else initial.shape))
            wanted = "3 × 3 numbers" if matrix.shape != (_STATES, _STATES) else "3 numbers for the first state"
            raise SettingError(f"{source} needs {wanted} (wake, nrem, rem), and has {shape or 'a single one'}.")
        return cls(matrix=matrix, initial=initial)

    @classmethod
    def from_file(cls, path: Path) -> Transitions:
        """Read the user's own matrix from a small JSON or CSV file; see `parse`."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise SettingError(f"There is no transition matrix at {path}.") from None
        except UnicodeDecodeError:
            raise SettingError(f"{path.name} is not a text file with a transition matrix.") from None
        except OSError as error:
            raise SettingError(f"The transition matrix {path} cannot be read: {error.strerror}.") from None
        return cls.parse(text, path.name)

    @classmethod
    def learn(
        cls, hypnograms: Iterable[Hypnogram], *, pseudo_count: float = 1.0, forbidden: Pairs = FORBIDDEN
    ) -> Transitions:
        """Count the transitions in labels, one recording at a time and never across an unscored epoch.

        `pseudo_count` is added to every allowed entry, so that what was not seen stays possible. `forbidden`
        transitions get no probability even where labels hold them; pass `()` for animals that show them, such as
        narcoleptic mutants. A state that was never left nor kept gets equal entries. The start follows the share of
        each state, because recordings begin at any time of day.
        """
        if not (np.isfinite(pseudo_count) and pseudo_count >= 0):
            raise SettingError(f"The pseudo-count must be 0 or more, and is {pseudo_count}.")
        allowed = _allowed(forbidden)
        counts = pseudo_count * allowed
        shares = np.full(_STATES, float(pseudo_count))
        for hypnogram in hypnograms:
            before, after = hypnogram.codes[:-1], hypnogram.codes[1:]
            both = (before >= 0) & (after >= 0)
            np.add.at(counts, (before[both], after[both]), 1.0)
            shares += np.bincount(hypnogram.codes[hypnogram.scored], minlength=_STATES)
        counts *= allowed
        counts[counts.sum(axis=1) == 0] = 1.0
        counts *= allowed
        initial = shares / shares.sum() if shares.sum() > 0 else _uniform()
        return cls(matrix=counts / counts.sum(axis=1, keepdims=True), initial=initial)

    def to_json(self) -> str:
        """Write what `parse` reads."""
        return json.dumps({"matrix": self.matrix.tolist(), "initial": self.initial.tolist()})


def viterbi(
    log_likelihood: Float[np.ndarray, "epochs 3"], transitions: Transitions | None = None
) -> Int[np.ndarray, " epochs"]:
    """Return the codes of the most probable sequence of states, over the whole recording at once.

    `log_likelihood` is log p(x | state) in nats up to a constant per epoch; the CNN's log-probabilities serve as
    such. A row with NaN is an epoch without signal: it brings no evidence, and the chain runs on through it.
    Evidence is floored at 1e-30 of the epoch's most likely state, so that probabilities of exactly 0 which the
    forbidden transitions contradict still leave a path. No returned sequence holds a transition of probability 0.
    Ties go to the lower code.
    """
    chain = transitions or Transitions()
    rows = _evidence(log_likelihood).tolist()
    if not rows:
        return np.zeros(0, dtype=np.int8)
    into = _log(chain.matrix).T.tolist()
    score = [start + evidence for start, evidence in zip(_log(chain.initial).tolist(), rows[0], strict=True)]
    # Plain floats: three states are too few for numpy's cost per call (24 h in 45 ms against 76 ms).
    came_from = []
    for wake, nrem, rem in rows[1:]:
        paths = [(score[0] + a, score[1] + b, score[2] + c) for a, b, c in into]
        best = [max(path) for path in paths]
        came_from.append([path.index(top) for path, top in zip(paths, best, strict=True)])
        score = [best[0] + wake, best[1] + nrem, best[2] + rem]
    state = score.index(max(score))
    codes = [state]
    for previous in reversed(came_from):
        state = previous[state]
        codes.append(state)
    return np.array(codes[::-1], dtype=np.int8)


def posterior(
    log_likelihood: Float[np.ndarray, "epochs 3"], transitions: Transitions | None = None
) -> Float[np.ndarray, "epochs 3"]:
    """Return p(state | the whole recording) for every epoch, by the forward-backward algorithm.

    Input and conventions are those of `viterbi`; rows sum to 1. Computed with logarithms, so nothing underflows
    however long the recording is.
    """
    chain = transitions or Transitions()
    evidence = _evidence(log_likelihood)
    if len(evidence) == 0:
        return evidence
    # The backward recursion is the forward one on the reversed recording with the matrix transposed, so both run in
    # one loop: axis 1 is (forward, backward), axis 2 the state.
    both = np.stack([evidence, evidence[::-1]], axis=1)
    weights = np.stack([_log(chain.matrix), _log(chain.matrix).T])
    messages = np.empty_like(both)
    messages[0] = both[0] + np.stack([_log(chain.initial), np.zeros(_STATES)])
    for epoch in range(1, len(both)):
        paths = messages[epoch - 1, :, :, None] + weights
        messages[epoch] = np.logaddexp.reduce(paths, axis=1) + both[epoch]
    # Both messages hold the epoch's own evidence; it counts once.
    log_joint = messages[:, 0] + messages[::-1, 1] - evidence
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def _evidence(log_likelihood: Float[np.ndarray, "epochs 3"]) -> NDArray[np.float64]:
    """Evidence relative to each epoch's best state: 0 at most, `_FLOOR` at least, 0 throughout where unknown."""
    values = np.asarray(log_likelihood, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != _STATES:
        raise ValueError(f"log_likelihood must be (epochs, {_STATES}), and is {values.shape}.")
    if np.isposinf(values).any():
        raise ValueError("log_likelihood holds +inf, which no probability has.")
    peak = values.max(axis=1, keepdims=True, initial=-np.inf)
    known = np.isfinite(peak)
    relative = np.subtract(values, peak, where=known, out=np.zeros_like(values))
    return np.asarray(np.maximum(relative, _FLOOR))


def _log(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probability))


def _check_distribution(row: NDArray[np.float64], what: str) -> None:
    numbers = ", ".join(f"{value:g}" for value in row)
    if not np.isfinite(row).all() or (row < 0).any():
        raise SettingError(f"{what} must hold probabilities, and holds {numbers}.")
    if abs(float(row.sum()) - 1.0) > _SUM_TOLERANCE:
        raise SettingError(f"{what} must sum to 1, and {numbers} sum to {row.sum():.6g}.")


def _table(text: str) -> list[list[float]]:
    # With semicolons between the numbers, a comma is a decimal comma (spreadsheets of many countries).
    plain = text.replace(",", ".").replace(";", " ") if ";" in text else text.replace(",", " ")
    lines = [line.split() for line in plain.splitlines()]
    return [[float(cell) for cell in cells] for cells in lines if cells]
