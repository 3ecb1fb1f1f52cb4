"""A scoring in numbers: shares, bouts, artifacts, and the epochs that a person should look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from spindle.drawing import Run, in_full, in_words, runs
from spindle.hypnogram import STAGES, Stage
from spindle.scores import Scores

LOOK_BELOW = 0.8
"""An epoch whose state has a lower probability than this deserves a look: one in five such calls may be wrong."""


@dataclass(frozen=True, kw_only=True)
class StateSummary:
    """One state's share. A bout is a run of epochs of one state; an artifact does not end it, an unscored epoch does.

    `fraction` is the share of scored epochs. `mean_bout_s`, `longest_bout_s` and `mean_probability` are 0 without
    a bout.
    """

    stage: Stage
    epochs: int
    duration_s: float
    fraction: float
    bouts: int
    mean_bout_s: float
    longest_bout_s: float
    mean_probability: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A whole recording. `states` come in the order of `STAGES`, `gaps` are the runs of unscored epochs."""

    epochs: int
    epoch_s: float
    scored: int
    artifacts: int
    uncertain: int
    states: tuple[StateSummary, ...]
    gaps: tuple[Run, ...]

    @property
    def duration_s(self) -> float:
        """Length of all epochs, scored or not."""
        return self.epochs * self.epoch_s

    @property
    def unscored(self) -> int:
        """Epochs without a state."""
        return self.epochs - self.scored

    def share(self, count: int) -> float:
        """Part of the scored epochs; 0 if none is scored."""
        return count / self.scored if self.scored else 0.0


def summarise(scores: Scores) -> Summary:
    """Count what a scoring holds."""
    hypnogram = scores.hypnogram
    pieces = runs(hypnogram.codes)
    probability = state_probability(scores)
    return Summary(
        epochs=len(hypnogram),
        epoch_s=hypnogram.epoch_s,
        scored=int(hypnogram.scored.sum()),
        artifacts=int((hypnogram.artifact & hypnogram.scored).sum()),
        uncertain=int((probability < LOOK_BELOW).sum()),
        states=tuple(_state_summary(scores, stage, pieces, probability) for stage in STAGES),
        gaps=tuple(run for run in pieces if run.value < 0),
    )


def _state_summary(
    scores: Scores, stage: Stage, pieces: list[Run], probability: Float[np.ndarray, " epochs"]
) -> StateSummary:
    epoch_s, mine = scores.hypnogram.epoch_s, scores.hypnogram.codes == stage.code
    lengths = [len(run) for run in pieces if run.value == stage.code]
    known = probability[mine & np.isfinite(probability)]
    return StateSummary(
        stage=stage,
        epochs=int(mine.sum()),
        duration_s=int(mine.sum()) * epoch_s,
        fraction=scores.hypnogram.fractions()[stage],
        bouts=len(lengths),
        mean_bout_s=sum(lengths) / len(lengths) * epoch_s if lengths else 0.0,
        longest_bout_s=max(lengths, default=0) * epoch_s,
        mean_probability=float(known.mean()) if known.size else 0.0,
    )


def state_probability(scores: Scores) -> Float[np.ndarray, " epochs"]:
    """Probability of the state that each epoch was given; NaN where it is unscored."""
    codes = scores.hypnogram.codes.astype(np.int64)
    chosen = np.take_along_axis(scores.stage_probability, np.maximum(codes, 0)[:, None], axis=1)[:, 0]
    return np.where(codes >= 0, chosen, np.nan)


def least_certain(scores: Scores, count: int = 20) -> Int[np.ndarray, " found"]:
    """The scored epochs whose state has the lowest probability, lowest first, the earlier of two equal ones first."""
    order = np.argsort(state_probability(scores), kind="stable")
    return order[: min(count, int(np.isfinite(state_probability(scores)).sum()))]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """States per stretch of time. `edges_s` are seconds from the start; the last stretch may be shorter.

    `fraction[b]` are the shares of STAGES and, last, of unscored epochs in stretch b; each row sums to 1.
    """

    edges_s: Float[np.ndarray, " edges"]
    fraction: Float[np.ndarray, "stretches 4"]


def shares_over_time(scores: Scores, stretch_s: float) -> Shares:
    """Count the states in stretches of `stretch_s` seconds from the start; an epoch belongs where it begins."""
    codes, epoch_s = scores.hypnogram.codes.astype(np.int64), scores.hypnogram.epoch_s
    place = (np.arange(len(codes)) * epoch_s / stretch_s).astype(np.int64)
    column = np.where(codes < 0, len(STAGES), codes)
    counts = np.zeros((int(place[-1]) + 1, len(STAGES) + 1))
    np.add.at(counts, (place, column), 1.0)
    edges_s = np.append(np.arange(len(counts)) * stretch_s, len(codes) * epoch_s)
    return Shares(edges_s=edges_s, fraction=counts / counts.sum(axis=1, keepdims=True))


def in_plain_words(scores: Scores) -> tuple[str, ...]:
    """Say what was found, in sentences for the screen and the report."""
    summary = summarise(scores)
    began = f"from {in_full(scores.start)}" if scores.start else "and does not say when it began"
    opening = f"{scores.title} lasts {in_words(summary.duration_s)}, {began}."
    if summary.scored == 0:
        return opening, f"{_scored_in_words(summary)} No states, bouts or artifacts can be given."
    return (
        opening,
        _scored_in_words(summary),
        _states_in_words(summary),
        _artifacts_in_words(summary, scores.artifact_threshold),
        f"{_epochs(summary.uncertain)} ({100 * summary.share(summary.uncertain):.1f} %) got a state whose probability "
        f"is below {LOOK_BELOW:g}.",
        f"Scored with {scores.model_name}.",
    )


def _epochs(count: int) -> str:
    return "No epoch" if count == 0 else "1 epoch" if count == 1 else f"{count:,} epochs"


def _scored_in_words(summary: Summary) -> str:
    whole = f"{_epochs(summary.epochs)} of {summary.epoch_s:g} s"
    if summary.unscored == 0:
        return f"All of its {whole} {'was' if summary.epochs == 1 else 'were'} scored."
    reason = "because a signal was missing or flat there"
    if summary.scored == 0:
        return f"None of its {whole} could be scored, {reason}."
    lost = in_words(summary.unscored * summary.epoch_s)
    return f"{summary.scored:,} of its {whole} were scored; {summary.unscored:,} ({lost}) were not, {reason}."


def _states_in_words(summary: Summary) -> str:
    wake, nrem, rem = (f"{100 * state.fraction:.1f} %" for state in summary.states)
    return f"Of the scored time the animal was awake for {wake}, in NREM sleep for {nrem} and in REM sleep for {rem}."


def _artifacts_in_words(summary: Summary, threshold: float) -> str:
    count, percent = summary.artifacts, 100 * summary.share(summary.artifacts)
    if count == 0:
        return f"No epoch is marked as an artifact (probability above {threshold:g})."
    marked = "is marked as an artifact" if count == 1 else "are marked as artifacts"
    return (
        f"{_epochs(count)} ({percent:.1f} %) {marked} (probability above {threshold:g}); "
        "an artifact keeps its state and counts with it."
    )
