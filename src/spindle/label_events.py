"""States written as events with an onset and a duration, brought onto the epoch grid.

EDF+ annotations and BIDS `events.tsv` are such events. The words for states in every label file live here too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spindle.errors import LabelError
from spindle.hypnogram import Hypnogram, Stage

KNOWN = "wake (W), nrem (N, N1, N2, N3), rem (R) and unscored (?), each also with 'artifact', and artifact alone"
"""The labels that are understood, for errors."""

_WORDS = {
    **dict.fromkeys(("w", "wake", "awake", "wakefulness"), Stage.WAKE),
    **dict.fromkeys(("n", "nrem", "non rem", "n1", "n2", "n3", "sws"), Stage.NREM),
    **dict.fromkeys(("r", "rem"), Stage.REM),
    **dict.fromkeys(("?", "unscored", "undefined", "unknown"), Stage.UNSCORED),
}
_PREFIX = "sleep stage "
_ARTIFACT = re.compile(r"art[ie]facts?")
_ARTIFACT_IN_STATE = (
    re.compile(rf"{_ARTIFACT.pattern} (?:during|in) (?P<state>.+)"),
    re.compile(rf"(?P<state>.+?) ?\({_ARTIFACT.pattern}\)"),
    re.compile(rf"(?P<state>.+?)[ ,/+]+{_ARTIFACT.pattern}"),
)

_TOLERANCE = 0.025
"""Share of an epoch by which a state may miss the grid: 0.1 s of 4 s, more than rounding, less than any shift."""

_MOST_EPOCHS = 10_000_000
"""More than a year of 4-s epochs. What lies beyond is a mistake, and would fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a label says: a state, an artifact, or both. `stage` is None for an artifact alone."""

    stage: Stage | None
    artifact: bool


@dataclass(frozen=True, kw_only=True)
class Event:
    """A stretch of time with a text. `duration_s` is 0 where the file gives none; `where` names it in errors."""

    onset_s: float
    duration_s: float
    text: str
    where: str


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Epochs [start, stop) in one state; `stop` equals `start` where the file gives no duration."""

    start: int
    stop: int
    stage: Stage
    event: Event


@lru_cache(maxsize=1024)
def parse_label(text: str) -> Label | None:
    """Understand a label in words, whatever its case; None where it is no state.

    "Sleep stage W", "wake", "W (artifact)", "artifact during wake", "N2", "?" and "artifact" are examples.
    """
    words = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    if _ARTIFACT.fullmatch(words):
        return Label(stage=None, artifact=True)
    match = next((found for pattern in _ARTIFACT_IN_STATE if (found := pattern.fullmatch(words))), None)
    state = (match["state"] if match else words).removeprefix(_PREFIX).removesuffix(" sleep")
    return Label(stage=_WORDS[state], artifact=match is not None) if state in _WORDS else None


def hypnogram_of_events(events: Sequence[Event], *, name: str, epoch_s: float, epochs: int | None = None) -> Hypnogram:
    """Expand events onto epochs; what no state covers is unscored, and the last event ends the hypnogram.

    States start and end on the grid, within 2.5 % of an epoch, and do not contradict each other. A state without a
    duration lasts one epoch, and the next one must then follow at once. Artifacts may lie anywhere and mark every
    epoch they touch; beyond the recording's `epochs` they are cut. A text that is no state counts as a remark, unless
    it starts like one ("Sleep stage …") or fills whole epochs that have no state.
    Errors: LabelError that names `name`, the event, and what was found.
    """
    labels = [parse_label(event.text) for event in events]
    pairs = list(zip(events, labels, strict=True))
    artifacts = [_touched(event, name, epoch_s) for event, label in pairs if label is not None and label.artifact]
    states = [(event, label.stage) for event, label in pairs if label is not None and label.stage is not None]
    if not states and not artifacts:
        texts = ", ".join(f"'{text}'" for text in sorted({event.text for event in events})[:5])
        raise LabelError(f"{name} holds no sleep states{f'; it holds {texts}' if texts else ''}. Known are {KNOWN}.")
    spans = _spans(states, name, epoch_s)
    ends = [span.stop for span in spans] + [stop if epochs is None else min(stop, epochs) for _, stop in artifacts]
    codes, covered = _paint(spans, max(ends), name)
    artifact = np.zeros(len(codes), dtype=bool)
    for start, stop in artifacts:
        artifact[start:stop] = True
    for event, label in pairs:
        if label is None:
            _check_remark(event, covered | artifact, name, epoch_s)
    return Hypnogram(codes=codes, artifact=artifact, epoch_s=epoch_s)


def _spans(states: Sequence[tuple[Event, Stage]], name: str, epoch_s: float) -> list[_Span]:
    """Put states on the grid, in order of time, each with its end."""
    spans = []
    for event, stage in states:
        start = _on_grid(event.onset_s, "starts", event, name, epoch_s)
        stop = start
        if event.duration_s > 0:
            stop = _on_grid(event.onset_s + event.duration_s, "ends", event, name, epoch_s)
            if stop == start:
                raise LabelError(f"{name}, {event.where}: '{event.text}' lasts less than an epoch of {epoch_s:g} s.")
        spans.append(_Span(start=start, stop=stop, stage=stage, event=event))
    spans.sort(key=lambda span: span.start)
    for span, following in pairwise(spans):
        if span.stop == span.start and following.start != span.start + 1:
            raise LabelError(
                f"{name}, {span.event.where}: '{span.event.text}' has no duration, and the next state does not follow"
                f" one epoch of {epoch_s:g} s later."
            )
    return [_Span(start=s.start, stop=max(s.stop, s.start + 1), stage=s.stage, event=s.event) for s in spans]


def _paint(spans: Sequence[_Span], epochs: int, name: str) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return each epoch's code, and which epochs were named at all."""
    codes = np.full(epochs, Stage.UNSCORED.code, dtype=np.int8)
    covered = np.zeros(epochs, dtype=bool)
    for span in spans:
        where = slice(span.start, span.stop)
        clash = covered[where] & (codes[where] != span.stage.code)
        if clash.any():
            epoch = span.start + int(clash.argmax())
            other = Stage.of_code(int(codes[epoch]))
            raise LabelError(f"{name}, {span.event.where}: epoch {epoch} is labelled both {other} and {span.stage}.")
        codes[where] = span.stage.code
        covered[where] = True
    return codes, covered


def _on_grid(seconds: float, does: str, event: Event, name: str, epoch_s: float) -> int:
    position = seconds / epoch_s
    epoch = round(position) if abs(position) <= _MOST_EPOCHS else -1
    if epoch < 0 or abs(position - epoch) > _TOLERANCE:
        raise LabelError(
            f"{name}, {event.where}: '{event.text}' {does} at {seconds:.10g} s, which is not on the grid of"
            f" {epoch_s:g}-s epochs."
        )
    return epoch


def _touched(event: Event, name: str, epoch_s: float) -> tuple[int, int]:
    """Epochs [start, stop) that an artifact touches by more than the tolerance; at least one."""
    first, last = event.onset_s / epoch_s, (event.onset_s + event.duration_s) / epoch_s
    if not 0 <= first <= last <= _MOST_EPOCHS:
        at = f"from {event.onset_s:.10g} s for {event.duration_s:.10g} s"
        raise LabelError(f"{name}, {event.where}: '{event.text}' lies {at}, outside any recording.")
    start = int(np.floor(first + _TOLERANCE))
    return start, max(start + 1, int(np.ceil(last - _TOLERANCE)))


def _check_remark(event: Event, labelled: NDArray[np.bool_], name: str, epoch_s: float) -> None:
    """Refuse a text that stands where a state should."""
    first, last = event.onset_s / epoch_s, (event.onset_s + event.duration_s) / epoch_s
    # A remark may lie anywhere in time, before the recording too.
    on_grid = 0 <= first < last <= _MOST_EPOCHS and all(abs(edge - round(edge)) <= _TOLERANCE for edge in (first, last))
    fills = on_grid and round(last) > round(first) and not labelled[round(first) : round(last)].any()
    if fills or event.text.lower().startswith(_PREFIX):
        raise LabelError(f"{name}, {event.where}: the label '{event.text}' is unknown. Known are {KNOWN}.")
