"""The animals that are compared: codes per 4-s epoch, and power per epoch where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spindle.hypnogram import Stage
from spindle.recording import EPOCH_S, Channel
from spindle.simulation import COHORTS, Animal, Expert, simulate
from spindle.simulation.experts import score
from spindle.simulation.fit import BANDS_HZ, band_power
from spindle.simulation.sleep import simulate_sleep

MOUSE_FILE, RAT_FILE = "mouse_zfhx3_bandpower_4s.npz", "rat_genzel_features_2s.npz"
MOUSE_CODES = {1: Stage.WAKE, 2: Stage.NREM, 3: Stage.REM, 11: Stage.WAKE, 12: Stage.NREM}
"""11 and 12 are wake and NREM with an artifact; all else is unscored."""
MOUSE_ARTIFACTS = (11, 12)
RAT_CODES = {1: Stage.WAKE, 3: Stage.NREM, 5: Stage.REM}
EXPERT = Expert()
"""Scores both simulated animals: careful, as bouts of the cohorts' quarrelling experts are not those of the animal."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One animal's labels, and the power of its signals by name, (epochs, bands), in whatever unit."""

    codes: NDArray[np.int8]
    artifact: NDArray[np.bool_]
    power: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def clean_codes(self) -> NDArray[np.int8]:
        """Codes where no artifact was seen, −1 elsewhere: power is compared there alone."""
        return np.where(self.artifact, np.int8(-1), self.codes)


def join(samples: Iterable[Sample]) -> Sample:
    """Put samples one after the other, an unscored epoch between them."""
    parts = list(samples)
    return Sample(
        codes=np.concatenate([np.append(part.codes, np.int8(-1)) for part in parts]),
        artifact=np.concatenate([np.append(part.artifact, False) for part in parts]),
        power={
            name: np.concatenate([np.vstack([part.power[name], np.zeros_like(values[:1])]) for part in parts])
            for name, values in parts[0].power.items()
        },
    )


def real_mouse(folder: Path) -> Sample:
    """One mouse, 42 hours in two parts, five EEG bands and EMG per epoch, one expert."""
    with np.load(folder / MOUSE_FILE, allow_pickle=False) as file:
        stage, power, seconds = file["stage"], file["bands"].astype(np.float64), file["time_s"].astype(np.float64)
    codes, artifact = decode(stage, MOUSE_CODES), np.isin(stage, MOUSE_ARTIFACTS)
    stops = [*(np.flatnonzero(np.diff(seconds) > 1.5 * EPOCH_S) + 1).tolist(), len(codes)]
    starts = [0, *stops[:-1]]
    return join(
        Sample(
            codes=codes[start:stop],
            artifact=artifact[start:stop],
            power={"EEG": power[start:stop, :5], "EMG": power[start:stop, 5:]},
        )
        for start, stop in zip(starts, stops, strict=True)
    )


def real_rat(folder: Path) -> Sample:
    """One rat, 2.9 hours of 2-s epochs; every second one is taken, as if scored in steps of 4 s."""
    with np.load(folder / RAT_FILE, allow_pickle=False) as file:
        codes = decode(file["label"][::2], RAT_CODES)
    return Sample(codes=codes, artifact=np.zeros(len(codes), dtype=bool))


def decode(labels: NDArray[np.integer], names: Mapping[int, Stage]) -> NDArray[np.int8]:
    """Turn a file's own codes into ours; −1 for what it does not name."""
    codes = np.full(len(labels), Stage.UNSCORED.code, dtype=np.int8)
    for label, stage in names.items():
        codes[labels == label] = stage.code
    return codes


def simulated_mouse(hours: float, seed: int) -> Sample:
    """Simulate a mouse with the default traits, lights on at the start."""
    animal = Animal(experts=(EXPERT, EXPERT))
    simulated = simulate(animal, seconds=_seconds(hours), rng=np.random.default_rng((seed, 0)))
    *eegs, emg = simulated.channels
    expert = simulated.experts[0]
    whole_band = {"emg": (0.0, emg.rate_hz)}
    power = {eeg.label: band_power(_samples(eeg), eeg.rate_hz) for eeg in eegs}
    return Sample(
        codes=expert.codes,
        artifact=expert.artifact,
        power={**power, "EMG": band_power(_samples(emg), emg.rate_hz, whole_band)},
    )


def simulated_rat(hours: float, seed: int) -> Sample:
    """Simulate the sleep of a rat of cohort C, without signals."""
    rng = np.random.default_rng((seed, 1))
    sleep = simulate_sleep(COHORTS["C"].animal.habits, seconds=_seconds(hours), zeitgeber_h=0.0, rng=rng)
    expert = score(EXPERT, sleep, np.zeros(len(sleep), dtype=np.float32), rng)
    return Sample(codes=expert.codes, artifact=expert.artifact)


def _samples(channel: Channel) -> NDArray[np.float32]:
    return channel.read(0, channel.samples)


def _seconds(hours: float) -> int:
    return round(hours * 3600 / EPOCH_S) * int(EPOCH_S)


BANDS = tuple(BANDS_HZ)
