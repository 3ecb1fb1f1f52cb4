"""Make the starter model again; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from experiments.common import command_line, progress_bars
from spindle.api import train_on_files
from spindle.labelled_files import LabelledFile
from spindle.model_file import SpindleModel, load_model, save_model
from spindle.options import ChannelOptions
from spindle.simulation.files import LABELS_SUFFIX, Plan, laboratories
from spindle.training import MODEL, TrainingConfig, TrainingProgress

OUT = Path("out") / "starter_model"
NOTES = (
    "Trained on simulated mice and rats; no real recording was seen. Figures are of held-out simulated epochs.",
    "Wake, NREM, REM in epochs of 4 s; artifacts as simulated: movement, electrode pops, chewing, clipping.",
    "A model trained on two labelled animals of one's own laboratory will usually do better there.",
)


@dataclass(frozen=True, kw_only=True)
class Laboratories:
    """So many simulated laboratories, their shortest and longest recording in hours, and their seed."""

    count: int
    hours: tuple[float, float]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Three sets of laboratories; in short recordings, the shares of states are often unusual.

    Long and short ones train the networks, the medium ones refine them with smaller steps.
    """

    long: Laboratories
    short: Laboratories
    medium: Laboratories
    passes: int


BUDGETS = {
    "smoke": Budget(
        long=Laboratories(count=2, hours=(0.3, 0.4), seed=1),
        short=Laboratories(count=2, hours=(0.2, 0.3), seed=2),
        medium=Laboratories(count=2, hours=(0.3, 0.4), seed=3),
        passes=1,
    ),
    "hour": Budget(
        long=Laboratories(count=500, hours=(0.3, 8.0), seed=1),
        short=Laboratories(count=600, hours=(0.25, 1.0), seed=2),
        medium=Laboratories(count=500, hours=(0.3, 3.0), seed=3),
        passes=2,
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="starter_model",
        says="Train the starter model on SIMULATED laboratories. A run that was killed goes on where it was.",
        budgets=tuple(BUDGETS),
        results=OUT,
        words=words,
    )


def config(seed: int, *, passes: int, learning_rate: float) -> TrainingConfig:
    """Give the settings of a training, each with its reason."""
    return TrainingConfig(
        name="starter",
        learning_rate=learning_rate,
        passes=passes,
        patience=2,
        held_out=0.05,  # a twentieth of a million epochs says enough
        augment=True,
        precision="bf16-mixed",
        threads=1,
        seed=seed,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Simulate what is missing, train, refine, or go on where a killed run stopped; leave starter.safetensors."""
    size = BUDGETS[budget]
    first = [
        *_simulate(size.long, folder / "long", "Simulating long recordings"),
        *_simulate(size.short, folder / "short", "Simulating short recordings"),
    ]
    # Twice the thesis' step: laboratories differ more than two mice of one, and there are over 11,000 steps to a pass.
    trained = _train(first, config(seed, passes=size.passes, learning_rate=1e-4), folder / "trained")
    # Constant steps of that size leave the balance of wake and NREM swinging between checkpoints; smaller ones calm it.
    medium = _simulate(size.medium, folder / "medium", "Simulating medium recordings")
    refined = _train(medium, config(seed, passes=1, learning_rate=2e-5), folder / "refined", base=trained)
    starter = folder / "starter.safetensors"
    save_model(described(load_model(refined)), starter)
    Console().print(f"The model is {starter}; copy it to src/spindle/models/ to ship it.")


def described(model: SpindleModel) -> SpindleModel:
    """Put into the card what `spindle train` cannot know: that the laboratories were simulated, and the limits."""
    card = replace(model.card, data=f"SIMULATED laboratories only; refined on {model.card.data}", notes=NOTES)
    return replace(model, card=card)


def _train(files: list[LabelledFile], settings: TrainingConfig, run: Path, *, base: Path | None = None) -> Path:
    console = Console(stderr=True)

    def report(at: TrainingProgress) -> None:
        if at.progress.evaluation is not None:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in at.progress.evaluation.figures.items())
            console.print(f"{run.name}, {at.network} network, pass {at.progress.pass_number + 1}: {figures}")

    resume = (run / "record.json").is_file()
    train_on_files(files, ChannelOptions(), settings, run, resume=resume, base=base, on_progress=report)
    return run / MODEL


def _simulate(wanted: Laboratories, folder: Path, what: str) -> list[LabelledFile]:
    folder.mkdir(parents=True, exist_ok=True)
    plans = list(laboratories(wanted.count, hours=wanted.hours, seed=wanted.seed))
    with progress_bars() as bars:
        return [_write(plan, folder) for plan in bars.track(plans, description=what)]


def _write(plan: Plan, folder: Path) -> LabelledFile:
    path = folder / f"{plan.name}.edf"
    if not path.is_file():
        plan.write(folder)
    return LabelledFile(recording=path, labels=folder / f"{plan.name}{LABELS_SUFFIX}")


if __name__ == "__main__":
    sys.exit(main())
