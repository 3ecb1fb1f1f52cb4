"""The architecture of sleep: shares, bouts, transitions and latencies, per recording, phase and zeitgeber bin.

Thesis A, 5.4.5 and Fig. 5.11. What is counted where:

- A bout is a run of epochs of one state. An artifact keeps its state and does not end a bout; an unscored epoch does.
  A bout at the end of the recording or at a gap counts with the length that was seen.
- An epoch belongs to the phase or bin in which it begins. A bout counts in the one in which it begins, with its whole
  duration, and a transition in the one in which the first epoch of the new state begins.
- A transition is a change between two neighbouring scored epochs; none is counted over a gap.
- Shares are of scored epochs, rates per hour of scored time. Where a state is missing, counts are 0 and durations
  NaN; where nothing is scored, shares and rates are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from spindle.drawing import Run, runs
from spindle.errors import SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")
SECONDS_PER_HOUR = 3600.0
TRANSITIONS = tuple((before, after) for before in STAGES for after in STAGES if before is not after)
"""Every kind of change of state, from and to."""
TIDY_COLUMNS = ("animal", "phase", "bin", "state", "parameter", "value")


@dataclass(frozen=True, kw_only=True)
class LightCycle:
    """When the lights are on. Zeitgeber time (ZT) counts from lights-on, over `light_h + dark_h` hours.

    With a period other than 24 h, lights go on at `lights_on` on the day on which the recording starts or, where it
    starts earlier in the day, on the day before.
    """

    lights_on: time
    light_h: float = 12.0
    dark_h: float = 12.0

    def __post_init__(self) -> None:
        if not (self.light_h > 0 and self.dark_h > 0):
            raise SettingError(
                f"A light cycle has more than 0 h of light and of dark, not {self.light_h:g} and {self.dark_h:g}."
            )

    @property
    def period_s(self) -> float:
        """Length of light and dark together."""
        return (self.light_h + self.dark_h) * SECONDS_PER_HOUR

    def since_lights_on_s(self, moment: datetime) -> float:
        """Seconds since lights last went on, on the clock of `moment`; less than the period."""
        on = datetime.combine(moment.date(), self.lights_on, tzinfo=moment.tzinfo)
        on = on if on <= moment else on - timedelta(days=1)
        return (moment - on).total_seconds() % self.period_s


@dataclass(frozen=True, kw_only=True)
class ArchitectureSettings:
    """What to count.

    `shortest_bout_epochs`: shorter runs are no bouts; shares and transitions count them all the same.
    `onset_epochs`: a latency ends where so many epochs of the state follow each other.
    `clean_only`: shares leave artifacts out (as Fig. 5.12 does); bouts and transitions never do, because taking an
    epoch out of a bout would make two of it.
    """

    bin_h: float = 1.0
    shortest_bout_epochs: int = 1
    onset_epochs: int = 1
    clean_only: bool = False

    def __post_init__(self) -> None:
        if not self.bin_h > 0:
            raise SettingError(f"A bin lasts more than 0 h, not {self.bin_h:g}.")
        if self.shortest_bout_epochs < 1 or self.onset_epochs < 1:
            raise SettingError("The shortest bout, and an onset of sleep, last at least 1 epoch.")


@dataclass(frozen=True, kw_only=True)
class StateMeasures:
    """One state in one stretch of time. `fraction` is its share of the scored epochs."""

    stage: Stage
    epochs: int
    fraction: float
    bouts: int
    bouts_per_h: float
    mean_bout_s: float
    median_bout_s: float
    longest_bout_s: float


@dataclass(frozen=True, kw_only=True)
class StretchMeasures:
    """One stretch of time: the whole `recording`, all of its `light` or `dark`, or one `bin`.

    `bin_h` is where the bin begins: zeitgeber time where the light cycle and the start are known, hours since the
    start otherwise; NaN for other stretches. `transitions` go with `TRANSITIONS`.
    """

    phase: str
    bin_h: float
    scored_h: float
    states: tuple[StateMeasures, ...]
    transitions: tuple[int, ...]

    @property
    def transitions_per_h(self) -> tuple[float, ...]:
        """Transitions per hour of scored time; NaN where nothing is scored."""
        return tuple(_over(count, self.scored_h) for count in self.transitions)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds from an event to the first epoch at or after it with which a state holds for long enough.

    `event` is `start`, `lights_on` or `lights_off`. The search ends at the next event of the same kind. Where lights
    went on or off several times, `value_s` is the mean over those times at which the state was reached; NaN if at none.
    """

    event: str
    stage: Stage
    value_s: float


@dataclass(frozen=True, kw_only=True)
class SleepArchitecture:
    """The architecture of one recording. `stretches` are the recording, light and dark if known, and then the bins."""

    stretches: tuple[StretchMeasures, ...]
    latencies: tuple[Latency, ...]
    by_zeitgeber: bool

    @property
    def whole(self) -> StretchMeasures:
        """The whole recording."""
        return self.stretches[0]

    @property
    def bins(self) -> tuple[StretchMeasures, ...]:
        """The bins, in order; a bin in which no epoch begins is left out."""
        return tuple(one for one in self.stretches if one.phase == "bin")

    def tidy(self, animal: str) -> pd.DataFrame:
        """Return one value per row: animal, phase, bin, state, parameter, value.

        Transitions have `wake_to_nrem` and its like for a state; latencies stand with the phase `recording`.
        """
        import pandas as pd  # takes a quarter of a second, which whoever wants the records only need not wait for

        rows = [row for stretch in self.stretches for row in _rows(stretch)]
        rows += [("recording", NAN, one.stage, f"latency_from_{one.event}_s", one.value_s) for one in self.latencies]
        return pd.DataFrame([(animal, *row) for row in rows], columns=list(TIDY_COLUMNS))


def sleep_architecture(
    hypnogram: Hypnogram,
    *,
    start: datetime | None = None,
    cycle: LightCycle | None = None,
    settings: ArchitectureSettings | None = None,
) -> SleepArchitecture:
    """Measure sleep. Bins are zeitgeber time, several days pooled, where `start` and `cycle` are known.

    Otherwise bins count from the start of the recording, and light and dark are left out.
    Errors: SettingError where a bin is longer than the period of the light cycle.
    """
    counting = _Counting(hypnogram=hypnogram, settings=settings or ArchitectureSettings())
    bin_s = counting.settings.bin_h * SECONDS_PER_HOUR
    since_s = np.round(np.arange(len(hypnogram)) * hypnogram.epoch_s, 6)
    everything = np.ones(len(hypnogram), dtype=bool)
    stretches = [counting.measure("recording", NAN, everything)]
    latencies = counting.latencies("start", np.zeros(1))
    known = start is not None and cycle is not None
    if start is not None and cycle is not None:
        if bin_s > cycle.period_s:
            raise SettingError(f"A bin of {counting.settings.bin_h:g} h is longer than the light cycle.")
        offset_s = cycle.since_lights_on_s(start)
        light_s, duration_s = cycle.light_h * SECONDS_PER_HOUR, len(hypnogram) * hypnogram.epoch_s
        since_s = np.round((since_s + offset_s) % cycle.period_s, 6)
        stretches.append(counting.measure("light", NAN, since_s < light_s))
        stretches.append(counting.measure("dark", NAN, since_s >= light_s))
        latencies += counting.latencies("lights_on", _events(-offset_s, cycle.period_s, duration_s))
        latencies += counting.latencies("lights_off", _events(light_s - offset_s, cycle.period_s, duration_s))
    place = np.floor(since_s / bin_s).astype(np.int64)
    stretches += [counting.measure("bin", one * counting.settings.bin_h, place == one) for one in np.unique(place)]
    return SleepArchitecture(stretches=tuple(stretches), latencies=latencies, by_zeitgeber=known)


@dataclass(frozen=True, kw_only=True)
class _Counting:
    """What every stretch is counted from, found once."""

    hypnogram: Hypnogram
    settings: ArchitectureSettings
    bouts: tuple[Run, ...] = field(init=False)
    changes: Int[np.ndarray, " changes"] = field(init=False)

    def __post_init__(self) -> None:
        codes = self.hypnogram.codes
        found = (run for run in runs(codes) if run.value >= 0)
        long_enough = tuple(run for run in found if len(run) >= self.settings.shortest_bout_epochs)
        differ = (codes[1:] != codes[:-1]) & (codes[1:] >= 0) & (codes[:-1] >= 0)
        object.__setattr__(self, "bouts", long_enough)
        object.__setattr__(self, "changes", np.flatnonzero(differ) + 1)

    def measure(self, phase: str, bin_h: float, inside: Bool[np.ndarray, " epochs"]) -> StretchMeasures:
        """Count the epochs `inside`, and what begins in them."""
        hypnogram, codes = self.hypnogram, self.hypnogram.codes
        scored_h = int((inside & hypnogram.scored).sum()) * hypnogram.epoch_s / SECONDS_PER_HOUR
        counted = inside & hypnogram.scored
        if self.settings.clean_only:
            counted = counted & ~hypnogram.artifact
        here = self.changes[inside[self.changes]]
        kinds = [(codes[here - 1] == before.code) & (codes[here] == after.code) for before, after in TRANSITIONS]
        bouts = [run for run in self.bouts if inside[run.start]]
        return StretchMeasures(
            phase=phase,
            bin_h=float(bin_h),
            scored_h=scored_h,
            states=tuple(self._state(stage, counted, bouts, scored_h) for stage in STAGES),
            transitions=tuple(int(kind.sum()) for kind in kinds),
        )

    def latencies(self, event: str, at_s: Float[np.ndarray, " events"]) -> tuple[Latency, ...]:
        """Measure the latencies of NREM and REM from each of these events, seconds from the start."""
        return tuple(
            Latency(event=event, stage=stage, value_s=self._latency_s(stage, at_s)) for stage in (Stage.NREM, Stage.REM)
        )

    def _latency_s(self, stage: Stage, at_s: Float[np.ndarray, " events"]) -> float:
        epoch_s, need = self.hypnogram.epoch_s, self.settings.onset_epochs
        long_enough = [run for run in runs(self.hypnogram.codes) if run.value == stage.code and len(run) >= need]
        found = []
        for event_s, end_s in pairwise([*at_s.tolist(), np.inf]):
            first = int(np.ceil(round(event_s / epoch_s, 9)))
            onsets = (max(run.start, first) for run in long_enough if run.stop - need >= first)
            onset_s = next(onsets, np.inf) * epoch_s
            if onset_s < end_s:
                found.append(onset_s - event_s)
        return float(np.mean(found)) if found else NAN

    def _state(
        self, stage: Stage, counted: Bool[np.ndarray, " epochs"], bouts: list[Run], scored_h: float
    ) -> StateMeasures:
        epochs = int((counted & (self.hypnogram.codes == stage.code)).sum())
        lengths_s = np.array([len(run) for run in bouts if run.value == stage.code]) * self.hypnogram.epoch_s
        return StateMeasures(
            stage=stage,
            epochs=epochs,
            fraction=_over(epochs, int(counted.sum())),
            bouts=len(lengths_s),
            bouts_per_h=_over(len(lengths_s), scored_h),
            mean_bout_s=float(lengths_s.mean()) if len(lengths_s) else NAN,
            median_bout_s=float(np.median(lengths_s)) if len(lengths_s) else NAN,
            longest_bout_s=float(lengths_s.max()) if len(lengths_s) else NAN,
        )


def _events(first_s: float, period_s: float, duration_s: float) -> Float[np.ndarray, " events"]:
    """Times of an event that repeats, those within the recording."""
    times_s = first_s + period_s * np.arange(int(duration_s / period_s) + 3)
    return times_s[(times_s >= 0) & (times_s < duration_s)]


def _rows(stretch: StretchMeasures) -> Iterator[tuple[str, float, str, str, float]]:
    parameters = ("fraction", "bouts", "bouts_per_h", "mean_bout_s", "median_bout_s", "longest_bout_s")
    for state in stretch.states:
        for parameter in parameters:
            yield stretch.phase, stretch.bin_h, state.stage, parameter, float(getattr(state, parameter))
    for (before, after), rate in zip(TRANSITIONS, stretch.transitions_per_h, strict=True):
        yield stretch.phase, stretch.bin_h, f"{before}_to_{after}", "transitions_per_h", rate
    yield stretch.phase, stretch.bin_h, "all", "scored_h", stretch.scored_h


def _over(part: float, whole: float) -> float:
    return part / whole if whole else NAN
