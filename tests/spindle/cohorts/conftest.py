"""A small cohort as files: recordings of ten minutes, their scores, and the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spindle.edf import write_edf
from spindle.hypnogram import STAGES, Stage
from spindle.outputs import COLUMNS
from spindle.recording import Channel

EPOCHS = 150
START = datetime(2024, 3, 4, 8, 0, 0)

Animal = Callable[..., None]


def signals(seed: int, epochs: int, theta: float, labels: tuple[str, ...]) -> list[Channel]:
    """EEGs and an EMG of noise; `theta` is the amplitude of a rhythm at 7 Hz in the EEGs."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(epochs * 512) / 128
    rhythm = theta * np.sin(2 * np.pi * 7 * seconds)
    eegs = [Channel.from_array(name, 50 * rng.normal(size=len(seconds)) + rhythm, 128) for name in labels]
    return [*eegs, Channel.from_array("EMG", 20 * rng.normal(size=len(seconds)), 128)]


def bouts(rng: np.random.Generator, epochs: int) -> NDArray[np.int64]:
    """Bouts of wake, NREM, REM in turn, of 3 to 15 epochs."""
    lengths = rng.integers(3, 16, size=epochs)
    return np.repeat(np.arange(epochs) % 3, lengths)[:epochs]


def write_scores(path: Path, codes: NDArray[np.int64], artifact: NDArray[np.float64], epoch_s: float) -> None:
    """Write a file of scores in which every state is certain; −1 is unscored."""
    lines = [",".join(COLUMNS)]
    for epoch, (code, p) in enumerate(zip(codes.tolist(), artifact.tolist(), strict=True)):
        known = [f"{float(stage.code == code):.6f}" for stage in STAGES] if code >= 0 else ["", "", ""]
        cells = [str(epoch), f"{epoch * epoch_s:g}", Stage.of_code(code).value, *known, f"{p:.6f}", str(int(p > 0.5))]
        lines.append(",".join(cells))
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.fixture
def animal(tmp_path: Path) -> Animal:
    """Write NAME.edf and NAME_scores.csv; `states`, repeated, stand for made-up bouts."""
    return writer(tmp_path)


def writer(folder: Path) -> Animal:
    """Write animals to a folder."""

    def make(
        name: str,
        seed: int,
        *,
        epochs: int = EPOCHS,
        theta: float = 0.0,
        start: datetime | None = START,
        states: tuple[int, ...] | None = None,
        epoch_s: float = 4.0,
        eegs: tuple[str, ...] = ("EEG",),
    ) -> None:
        write_edf(folder / f"{name}.edf", signals(seed, epochs, theta, eegs), start=start)
        rng = np.random.default_rng(seed)
        count = round(epochs * 4 / epoch_s)
        codes = bouts(rng, count) if states is None else np.resize(np.array(states), count)
        write_scores(folder / f"{name}_scores.csv", codes, rng.beta(1, 4, size=count), epoch_s)

    return make


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """cohort.csv: three wildtypes and three mutants, which have a stronger rhythm at 7 Hz."""
    return write_cohort(tmp_path)


def write_cohort(folder: Path) -> Path:
    """Write the animals of a cohort and its table."""
    animal = writer(folder)
    lines = ["recording,group,lights_on"]
    for place in range(3):
        animal(f"wt{place}", place)
        animal(f"mut{place}", 10 + place, theta=40.0)
        lines += [f"wt{place}.edf,wildtype,08:00", f"mut{place}.edf,mutant,08:00"]
    path = folder / "cohort.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path
