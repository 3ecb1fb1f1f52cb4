"""A scoring in numbers: shares, bouts, artifacts, and the epochs that a person should look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from spindle.drawing import LABELS, Run, in_full, in_words, runs
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
    length = f"{scores.title} lasts {in_words(summary.duration_s)}"
    opening = f"{length}, from {in_full(scores.start)}." if scores.start else f"{length}; its start is not known."
    if summary.scored == 0:
        return opening, f"{_scored_in_words(summary)} So there are no states, bouts or artifacts to report."
    return (
        opening,
        _scored_in_words(summary),
        _states_in_words(summary),
        _artifacts_in_words(summary, scores.artifact_threshold),
        _doubt_in_words(summary),
        f"Scored with {scores.model_name}.",
    )


def rem_in_words(scores: Scores) -> str:
    """Say how REM sleep was spread; it is what a sleep researcher looks at first."""
    rem = summarise(scores).states[Stage.REM.code]
    if rem.bouts == 0:
        return "There was no bout of REM sleep."
    if rem.bouts == 1:
        return f"There was one bout of REM sleep, of {in_words(rem.mean_bout_s)}."
    return (
        f"There were {rem.bouts:,} bouts of REM sleep, {in_words(rem.mean_bout_s)} long on average and "
        f"{in_words(rem.longest_bout_s)} at most."
    )


def counted(count: int) -> str:
    """Epochs, with their number in words where a digit would read badly."""
    return "no epoch" if count == 0 else "one epoch" if count == 1 else f"{count:,} epochs"


def _percent(summary: Summary, count: int) -> str:
    return f"{100 * summary.share(count):.1f} %"


def _scored_in_words(summary: Summary) -> str:
    if summary.unscored == 0:
        return f"{'Its' if summary.epochs == 1 else 'All its'} {_whole(summary)} {_was(summary.epochs)} scored."
    reason = "because a signal was missing or flat there"
    if summary.scored == 0:
        return f"None of its {_whole(summary)} could be scored, {reason}."
    lost = in_words(summary.unscored * summary.epoch_s)
    kept = f"{summary.scored:,} of its {_whole(summary)} {_was(summary.scored)} scored"
    return f"{kept}; {summary.unscored:,} ({lost}) {_was(summary.unscored)} not, {reason}."


def _whole(summary: Summary) -> str:
    return f"{counted(summary.epochs)} of {summary.epoch_s:g} s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _states_in_words(summary: Summary) -> str:
    wake, nrem, rem = (_percent(summary, state.epochs) for state in summary.states)
    missing = [LABELS[state.stage] for state in summary.states if state.epochs == 0]
    absent = f" No epoch was scored as {' or '.join(missing)}." if missing else ""
    shares = f"awake for {wake}, in NREM sleep for {nrem} and in REM sleep for {rem}"
    return f"Of the scored time the animal was {shares}.{absent}"


def _artifacts_in_words(summary: Summary, threshold: float) -> str:
    count, rule = summary.artifacts, f"(probability above {threshold:g})"
    if count == 0:
        return f"No epoch is marked as an artifact {rule}."
    marked = "is marked as an artifact" if count == 1 else "are marked as artifacts"
    keeps = "an artifact keeps its state and counts with it"
    return f"{counted(count).capitalize()}, {_percent(summary, count)}, {marked} {rule}; {keeps}."


def _doubt_in_words(summary: Summary) -> str:
    if summary.uncertain == 0:
        return f"Every state has a probability of at least {LOOK_BELOW:g}."
    return (
        f"{counted(summary.uncertain).capitalize()}, {_percent(summary, summary.uncertain)}, got a state with a "
        f"probability below {LOOK_BELOW:g} and should be looked at."
    )
