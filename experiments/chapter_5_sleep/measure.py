"""One simulated animal: what its experts, SPINDLE and the rivals say of it, and how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from experiments.chapter_5_sleep.kept import CLEAN_ABOVE, RIVALS, KeptAnimal
from experiments.cohorts import montage, record_of
from spindle.agreement import evaluate
from spindle.agreement_tables import as_dict
from spindle.baselines import Baseline
from spindle.baselines.base import codes_of
from spindle.hypnogram import Hypnogram
from spindle.model_file import SpindleModel
from spindle.recording import Montage
from spindle.scores import Scores
from spindle.scoring import load_method, score_montage
from spindle.signals import EpochSignals, load_signals
from spindle.simulation.files import LIGHTS_ON, Plan
from spindle.spectra import SpectrumSettings, clean_epochs, signal_spectra

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Methods:
    """What learned from the two animals of the training; the rivals by their names."""

    spindle: SpindleModel
    rivals: Mapping[str, Baseline]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An animal's record, for tables, and its arrays, for figures."""

    record: dict[str, Any]
    kept: KeptAnimal


def measure(plan: Plan, methods: Methods, *, trained_on: bool) -> Measured:
    """Simulate an animal and score it by all methods, SPINDLE as the thesis decodes it."""
    simulated = plan.simulate()
    chosen = montage(simulated)
    method = load_method(methods.spindle, thesis=True)
    scores, spindle_s = _timed(lambda: score_montage(chosen, method, name=plan.name))
    signals, loading_s = _timed(lambda: load_signals(chosen))
    rivals = {name: _timed(partial(_states, rival, signals)) for name, rival in methods.rivals.items()}
    evaluation = evaluate(scores.hypnogram, simulated.experts, network_probability=scores.network_probability)
    seconds = [spindle_s, *(loading_s + rivals[name][1] for name in RIVALS)]
    first, second = simulated.experts
    settings = SpectrumSettings()
    kept = KeptAnimal(
        name=plan.name,
        start=LIGHTS_ON + timedelta(hours=plan.animal.zeitgeber_h),
        trained_on=trained_on,
        codes=np.stack([first.codes, second.codes, scores.hypnogram.codes, *(rivals[name][0] for name in RIVALS)]),
        artifact=np.stack([first.artifact, second.artifact]),
        artifact_probability=scores.artifact_probability,
        stage_probability=scores.stage_probability,
        frequencies_hz=settings.frequencies_hz,
        power=_power(chosen, signals, simulated.experts, scores, settings),
        seconds=np.array(seconds),
    )
    record = record_of(plan, simulated, Path(__file__)) | {"trained_on": trained_on, "evaluation": as_dict(evaluation)}
    return Measured(record=record, kept=kept)


def _power(
    chosen: Montage,
    signals: EpochSignals,
    experts: tuple[Hypnogram, Hypnogram],
    scores: Scores,
    settings: SpectrumSettings,
) -> NDArray[np.float64]:
    """Spectra of the first EEG by `SOURCES`."""
    views = [(expert, clean_epochs(expert)) for expert in experts]
    for limit in CLEAN_ABOVE:
        keep = clean_epochs(scores.hypnogram, artifact_probability=scores.artifact_probability, clean_above=limit)
        views.append((scores.hypnogram, keep))
    return np.stack(
        [signal_spectra(signals.eeg[0], chosen.eeg[0], one, keep=keep, settings=settings).power for one, keep in views]
    )


def _states(rival: Baseline, signals: EpochSignals) -> NDArray[np.int8]:
    return codes_of(rival.score(signals))


def _timed(work: Callable[[], Found]) -> tuple[Found, float]:
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started
