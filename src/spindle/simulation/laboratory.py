"""Laboratories and their animals: what differs between them, drawn at random or after Table 5.2 of thesis A."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from spindle.simulation.artifacts import ArtifactTraits
from spindle.simulation.eeg import EegTraits, Electrode
from spindle.simulation.emg import EmgTraits
from spindle.simulation.experts import Expert
from spindle.simulation.sleep import SleepHabits


@dataclass(frozen=True, kw_only=True)
class Amplifier:
    """The recorder: rate, filters, mains, gain. Cut-offs of 0 mean no filter."""

    rate_hz: int = 128
    eeg_highpass_hz: float = 0.5
    eeg_lowpass_hz: float = 0.0
    mains_hz: float = 50.0
    mains: float = 0.0
    """Amplitude of mains hum against the EEG's standard deviation."""
    rectified_emg: bool = False
    microvolts: float = 80.0
    """Standard deviation of the EEG in quiet wake."""
    emg_microvolts: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Animal:
    """Everything that makes one simulated recording what it is, but for chance."""

    habits: SleepHabits = field(default_factory=SleepHabits)
    eeg: EegTraits = field(default_factory=EegTraits)
    emg: EmgTraits = field(default_factory=EmgTraits)
    artifacts: ArtifactTraits = field(default_factory=ArtifactTraits)
    electrodes: tuple[Electrode, ...] = (Electrode(parietal=0.2), Electrode(parietal=0.9))
    coherence: float = 0.75
    amplifier: Amplifier = field(default_factory=Amplifier)
    zeitgeber_h: float = 0.0
    experts: tuple[Expert, Expert] = (Expert(), Expert(boundary_s=2.0, artifact_strictness=0.35))


def draw_animal(rng: Generator) -> Animal:
    """Draw an animal of a laboratory that nobody has seen: the starter model is trained on many of these.

    Ranges are wider than any one laboratory's, and centred on the real data that `fit.py` compares with.
    """
    return Animal(
        habits=_habits(rng),
        eeg=_eeg(rng),
        emg=_emg(rng),
        artifacts=ArtifactTraits(
            share=float(rng.choice([0.0, rng.uniform(0.002, 0.05), rng.uniform(0.05, 0.2)], p=[0.15, 0.5, 0.35])),
            size=float(rng.uniform(3, 10)),
        ),
        electrodes=_electrodes(rng),
        coherence=float(rng.uniform(0.4, 0.95)),
        amplifier=_amplifier(rng),
        zeitgeber_h=float(rng.uniform(0, 24)),
        experts=(
            Expert(),
            Expert(boundary_s=float(rng.uniform(1, 2.5)), artifact_strictness=float(rng.uniform(0.3, 0.6))),
        ),
    )


def _log_uniform(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _habits(rng: Generator) -> SleepHabits:
    return SleepHabits(
        brief_wake_s=_log_uniform(rng, 4, 14),
        brief_wake_spread=float(rng.uniform(0.6, 1.15)),
        long_wake_s=_log_uniform(rng, 150, 1600),
        long_wake_share=_log_uniform(rng, 0.03, 0.22),
        nrem_s=_log_uniform(rng, 40, 170),
        nrem_spread=float(rng.uniform(0.6, 0.95)),
        rem_s=_log_uniform(rng, 35, 110),
        rem_spread=float(rng.uniform(0.45, 0.9)),
        rem_share=float(rng.uniform(0.08, 0.35)),
        circadian=float(rng.uniform(0, 1.6)),
        homeostatic=float(rng.uniform(1, 4)),
        active_share=float(rng.uniform(0.3, 0.85)),
    )


def _eeg(rng: Generator) -> EegTraits:
    uniform = rng.uniform
    return EegTraits(
        slope=float(uniform(1.0, 2.4)),
        knee_hz=float(uniform(1.5, 7)),
        quiet_theta=float(uniform(0.0, 1.4)),
        quiet_theta_hz=float(uniform(5.0, 7.5)),
        active_theta=float(uniform(0.3, 3.4)),
        active_theta_hz=float(uniform(6.6, 9.2)),
        active_delta=float(uniform(-0.9, 0.5)),
        nrem_delta=float(uniform(0.4, 2.1)),
        nrem_delta_hz=float(uniform(1.2, 3.6)),
        nrem_delta_width=float(uniform(1.2, 2.8)),
        nrem_lift=float(uniform(0.1, 1.9)),
        nrem_sigma=float(uniform(0.0, 0.9)),
        rem_delta=float(uniform(-1.1, 0.3)),
        rem_theta=float(uniform(0.9, 3.2)),
        rem_theta_hz=float(uniform(5.9, 8.3)),
        rem_theta_width=float(uniform(0.4, 0.9)),
        rem_lift=float(uniform(-0.3, 0.6)),
        harmonic=float(uniform(0.1, 0.9)),
        gamma=float(uniform(-0.2, 0.8)),
        depth_gain=float(uniform(0.2, 1.2)),
        depth_wander=float(uniform(0.1, 0.6)),
        pressure_gain=float(uniform(0.1, 1.3)),
        fluctuation=float(uniform(0.2, 0.5)),
        fluctuation_s=_log_uniform(rng, 1.5, 9),
        theta_wander_hz=float(uniform(0.1, 0.45)),
        spindles_per_min=float(uniform(0.5, 8)),
        spindle_size=float(uniform(0.3, 1.5)),
        onset_s=_log_uniform(rng, 0.8, 4.5),
    )


def _emg(rng: Generator) -> EmgTraits:
    # Log power over NREM tone: a real mouse with rectified EMG shows 1, one with good electrodes 5.
    active = _log_uniform(rng, 0.6, 1.3) if rng.random() < 0.2 else _log_uniform(rng, 1.2, 6.5)
    return EmgTraits(
        active=active,
        quiet=active * float(rng.uniform(0.05, 0.75)),
        rem=-float(rng.choice([rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.2)])),
        variability=min(1.4, active * float(rng.uniform(0.15, 0.5))),
        posture=float(rng.uniform(0.02, 0.5)) * min(active, 2.0),
        settling=float(rng.uniform(0.0, 1.0)) * min(active, 2.0),
        settling_s=_log_uniform(rng, 20, 400),
        baseline_drift=float(rng.uniform(0.0, 0.5)),
        nrem_twitches_per_min=_log_uniform(rng, 0.1, 4),
        rem_twitches_per_min=_log_uniform(rng, 0.5, 20),
        twitch=float(rng.uniform(0.5, 2.5)),
        heart=float(rng.choice([0.0, rng.uniform(0, 0.3), rng.uniform(0.3, 1.0)], p=[0.4, 0.4, 0.2])),
        floor=float(rng.uniform(-4, 0)),
        eeg_leak=float(rng.choice([0.0, rng.uniform(0, 0.15), rng.uniform(0.15, 0.5)], p=[0.4, 0.45, 0.15])),
        highpass_hz=float(rng.choice([0.3, 1.0, 5.0, 10.0, 20.0, 50.0])),
    )


def _electrodes(rng: Generator) -> tuple[Electrode, ...]:
    """One EEG in four laboratories out of ten, anywhere; else a frontal and a parietal one, or two parietals."""
    noise = tuple(float(value) for value in rng.uniform(-6, -1, 2))
    if rng.random() < 0.4:
        return (Electrode(parietal=float(rng.uniform(0.1, 1)), noise=noise[0]),)
    first = rng.uniform(0, 0.6) if rng.random() < 0.75 else rng.uniform(0.6, 1)
    pair = [
        Electrode(parietal=float(first), noise=noise[0]),
        Electrode(parietal=float(rng.uniform(0.6, 1)), noise=noise[1]),
    ]
    return tuple(pair if rng.random() < 0.7 else pair[::-1])


def _amplifier(rng: Generator) -> Amplifier:
    return Amplifier(
        rate_hz=int(rng.choice([128, 200, 250, 256, 400, 500, 512], p=[0.35, 0.2, 0.1, 0.15, 0.05, 0.05, 0.1])),
        eeg_highpass_hz=float(rng.choice([0.0, 0.1, 0.3, 0.5, 1.0, 2.0])),
        eeg_lowpass_hz=float(rng.choice([0.0, 0.0, 25.0, 30.0, 40.0])),
        mains_hz=float(rng.choice([50.0, 60.0])),
        mains=float(rng.choice([0.0, rng.uniform(0, 0.3)])),
        rectified_emg=bool(rng.random() < 0.3),
        microvolts=_log_uniform(rng, 20, 300),
        emg_microvolts=_log_uniform(rng, 5, 80),
    )


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A cohort of Table 5.2: `wild + mutant` animals, 24 h each."""

    name: str
    wild: int
    mutant: int
    animal: Animal

    def draw(self, index: int, rng: Generator) -> Animal:
        """Draw the traits of one animal: cohort-mates differ less than laboratories do."""
        base = self.animal
        eeg = replace(
            base.eeg,
            **{
                name: getattr(base.eeg, name) * float(rng.uniform(1 - spread, 1 + spread))
                for name, spread in _WITHIN_COHORT.items()
            },
        )
        emg = replace(base.emg, active=base.emg.active * float(rng.uniform(0.8, 1.2)), heart=float(rng.uniform(0, 0.3)))
        electrodes = tuple(
            replace(electrode, noise=electrode.noise + float(rng.normal(0, 0.5))) for electrode in base.electrodes
        )
        habits = replace(base.habits, nrem_s=base.habits.nrem_s * float(rng.uniform(0.85, 1.15)))
        return replace(base, eeg=eeg, emg=emg, electrodes=electrodes, habits=habits)


_WITHIN_COHORT = {
    "slope": 0.1, "quiet_theta": 0.3, "active_theta": 0.25, "active_theta_hz": 0.04, "nrem_delta": 0.15,
    "nrem_delta_hz": 0.1, "nrem_lift": 0.3, "rem_theta": 0.15, "rem_theta_hz": 0.04, "fluctuation": 0.15,
}  # fmt: skip

# Experts are set so that they agree as in Table 5.7 on states and Table 5.9 on artifacts. One of the two calls an
# epoch an artifact for a trace of disturbance, the other only when it is spoiled throughout.
_BROWN = Animal(
    artifacts=ArtifactTraits(share=0.19),
    experts=(
        Expert(boundary_s=2.6, misses_brief=0.2, artifact_strictness=0.87),
        Expert(boundary_s=3.0, misses_brief=0.3, artifact_strictness=0.04),
    ),
)

COHORTS = {
    "A": Cohort(name="A", wild=4, mutant=0, animal=_BROWN),
    "B": Cohort(
        name="B", wild=0, mutant=4,
        # The thesis does not name the mutation; here it slows theta, flattens delta and breaks sleep up.
        animal=replace(
            _BROWN,
            artifacts=ArtifactTraits(share=0.26),
            experts=(
                Expert(boundary_s=4.2, misses_brief=0.3, artifact_strictness=0.96),
                Expert(boundary_s=5.6, misses_brief=0.7, artifact_strictness=0.01),
            ),
            eeg=EegTraits(rem_theta_hz=6.7, active_theta_hz=7.2, nrem_delta=0.35),
            habits=SleepHabits(nrem_s=50.0, rem_share=0.18, circadian=0.6),
        ),
    ),
    "C": Cohort(
        name="C", wild=8, mutant=0,
        animal=Animal(
            # Rats: longer awakenings and REM, slower delta, two parietal electrodes, experts of two laboratories.
            habits=SleepHabits(brief_wake_s=13, brief_wake_spread=0.8, long_wake_s=600, long_wake_share=0.08,
                               nrem_s=68, nrem_spread=0.8, rem_s=68, rem_spread=0.5, rem_share=0.18, circadian=0.8),
            eeg=EegTraits(nrem_delta_hz=1.8, rem_theta_hz=6.9, active_theta_hz=7.3, rem_theta=1.7, slope=1.9,
                          spindles_per_min=6, nrem_sigma=0.7),
            emg=EmgTraits(active=2.4, quiet=1.1, rem=-0.3),
            electrodes=(Electrode(parietal=0.8), Electrode(parietal=0.9)),
            coherence=0.9,
            artifacts=ArtifactTraits(share=0.29),
            amplifier=Amplifier(rate_hz=200, microvolts=150),
            experts=(
                Expert(boundary_s=7.5, misses_brief=0.2, artifact_strictness=0.87),
                Expert(boundary_s=16.0, misses_brief=1.0, artifact_strictness=0.1),
            ),
        ),
    ),
    "D": Cohort(
        name="D", wild=6, mutant=0,
        animal=Animal(
            artifacts=ArtifactTraits(share=0.0),
            eeg=EegTraits(slope=1.3, nrem_delta_hz=2.8, rem_theta=1.9, rem_theta_hz=7.5, active_theta=2.2),
            emg=EmgTraits(active=4.5, quiet=1.8, highpass_hz=5.0),
            amplifier=Amplifier(rate_hz=512, eeg_highpass_hz=0.1, microvolts=60),
            experts=(Expert(boundary_s=5.0, misses_brief=0.3), Expert(boundary_s=8.5, misses_brief=0.9)),
        ),
    ),
}  # fmt: skip
