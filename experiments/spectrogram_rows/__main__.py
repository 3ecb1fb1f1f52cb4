"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments.common import command_line, markdown_table, write_json, write_text
from latentia.training import run_record
from spindle.agreement import Agreement, state_agreement
from spindle.hypnogram import STAGES
from spindle.model_file import SpindleModel
from spindle.montage import choose_montages
from spindle.recording import Recording
from spindle.scoring import load_method, score_stages
from spindle.signals import load_signals
from spindle.simulation.files import Plan, laboratories
from spindle.spectrogram import RowChoice, TimeFrequency, time_frequency
from spindle.training import TrainingConfig, TrainingProgress, train
from spindle.training_set import LabelledRecording

CLAIM = (
    "Thesis A, 5.3.1 keeps 0.5–24 Hz and shows images of 24 rows; its bins are 0.5 Hz wide. Two readings give 24 rows: "
    "0.5–12 Hz as they are, or 0.5–24 Hz in pairs. Which one scores unseen laboratories better?"
)
RESULTS = Path(__file__).with_name("results")
TEST_EVERY = 8
"""One laboratory of so many is kept for the test."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Simulated laboratories, their shortest and longest recording, and passes of training."""

    laboratories: int
    hours: tuple[float, float]
    passes: int


BUDGETS = {
    "smoke": Budget(laboratories=9, hours=(0.15, 0.2), passes=1),
    "hour": Budget(laboratories=64, hours=(0.3, 3.0), passes=3),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="spectrogram_rows",
        says="Compare both choices of 24 rows on SIMULATED laboratories that the training has not seen.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Train once per choice on the same signals, test on the same unseen laboratories, write BUDGET.json and .md."""
    started = time.monotonic()
    size = BUDGETS[budget]
    plans = list(laboratories(size.laboratories, hours=size.hours, seed=seed))
    test = plans[::TEST_EVERY]
    training = [plan for place, plan in enumerate(plans) if place % TEST_EVERY]
    figures: dict[str, Any] = {}
    checksums: dict[str, str] = {}
    for rows in RowChoice:
        work = Path(tempfile.mkdtemp(prefix="spectrogram-rows-"))
        try:
            model = _train(training, rows, size, seed, work)
            checksums[rows.value] = model.card.data.rsplit("sha256 ", 1)[-1]
        finally:
            shutil.rmtree(work)
        figures[rows.value] = _figures(_test(model, test))
    result = {
        "experiment": "spectrogram_rows",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        **run_record(config=asdict(size), seed=seed, data=checksums, source=Path(__file__)),
        "test_laboratories": len(test),
        "figures": figures,
    }
    write_json(result, folder / f"{budget}.json")
    write_text(_markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}.")


def _train(plans: Sequence[Plan], rows: RowChoice, size: Budget, seed: int, work: Path) -> SpindleModel:
    config = TrainingConfig(rows=rows, passes=size.passes, seed=seed, learning_rate=1e-4, augment=True, name=rows.value)
    console = Console(stderr=True)

    def report(at: TrainingProgress) -> None:
        if at.progress.evaluation is not None:
            console.print(f"{rows.value}: {at.network} network, pass {at.progress.pass_number + 1} done")

    return train(_labelled(plans, rows), config, work / "run", on_progress=report)


def _labelled(plans: Sequence[Plan], rows: RowChoice) -> Iterator[LabelledRecording]:
    for plan in plans:
        simulated = plan.simulate()
        images = _images(Recording(name=plan.name, channels=simulated.channels), rows)
        yield LabelledRecording(name=plan.name, time_frequency=images, hypnograms=simulated.experts)


def _images(recording: Recording, rows: RowChoice) -> TimeFrequency:
    return time_frequency(load_signals(choose_montages(recording)[0]), rows=rows)


def _test(model: SpindleModel, plans: Sequence[Plan]) -> Agreement:
    """Pool the epochs of all test laboratories that both experts call the same and clean."""
    reference, found = [], []
    method = load_method(model)
    for recording in _labelled(plans, model.rows):
        first, second = recording.hypnograms
        images = recording.time_frequency
        _, hypnogram, _ = score_stages(method, images)
        clean = (first.codes == second.codes) & ~first.artifact & ~second.artifact
        reference.append(np.where(clean, first.codes, -1))
        found.append(hypnogram.codes)
    return state_agreement(np.concatenate(reference), np.concatenate(found))


def _figures(agreement: Agreement) -> dict[str, float | None]:
    """Accuracy and F1 per state; None where a short test holds no such state."""
    named = {"accuracy": agreement.accuracy} | {f"f1_{stage.value}": agreement.state(stage).f1 for stage in STAGES}
    return {"epochs": agreement.epochs, **{name: None if math.isnan(x) else x for name, x in named.items()}}


def _markdown(result: dict[str, Any]) -> str:
    names = ["accuracy", *(f"f1_{stage.value}" for stage in STAGES)]
    headings = ["rows (simulated laboratories)", "epochs", "accuracy", *(f"F1 {stage.value}" for stage in STAGES)]
    lines = [
        [rows, f"{row['epochs']:,}", *("–" if row[name] is None else f"{row[name]:.3f}" for name in names)]
        for rows, row in result["figures"].items()
    ]
    return markdown_table(headings, lines)


if __name__ == "__main__":
    sys.exit(main())
