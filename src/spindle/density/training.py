"""Training of a density on the clean epochs of labelled recordings, and of its thresholds on all of them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from torch import Tensor

from latentia.errors import LatentiaError
from latentia.files import atomic_path
from latentia.folders import remove_if_empty
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded
from latentia.training import Accelerator, Outcome, Precision, fit, source_version
from latentia.training.density import DensityTraining, density_task
from spindle.density.detector import TOP_LAYERS, DensityModel, density_scores
from spindle.density.images import FORMAT, LEVELS
from spindle.density.model_file import load_density, save_density
from spindle.density.networks import SIZES, SizeName
from spindle.density.threshold import Calibration, calibrate
from spindle.errors import OutputError, SettingError
from spindle.labelled_files import LabelledFile, read_all_labelled
from spindle.model_file import ModelCard
from spindle.options import ChannelOptions
from spindle.run_files import RunFiles, threads
from spindle.spectrogram import RowChoice
from spindle.training import TrainingProgress
from spindle.training_set import UNKNOWN, Examples, LabelledRecording, ShuffledBatches, TrainingSet

DENSITY, HISTORY, CHECKPOINT = "density.safetensors", "density-history.csv", "density-checkpoint.safetensors"
DATA = "density-data"
VALIDATION_IMAGES = 512
"""Held-out clean epochs that are looked at after each pass; neighbours say nearly the same."""


@dataclass(frozen=True, kw_only=True)
class DensityConfig:
    """How a density is trained. Optimizer, rate, batch and free bits are Table A.1's for CIFAR-10 (thesis A, 4.2.2)."""

    size: SizeName = "small"
    learning_rate: float = 0.002
    batch: int = 32
    held_out: float = 0.1
    passes: int = 30
    """Upper limit. A pass over two days takes about 7 minutes of one processor core."""
    patience: int = 3
    steps: int | None = None
    """Ends the training within a pass; None leaves it to passes and patience."""
    threshold_epochs: int = 4000
    """Labelled epochs, drawn from all, whose scores choose the thresholds."""
    seed: int = 0
    rows: RowChoice = RowChoice.NARROW
    checkpoint_steps: int = 200
    threads: int | None = None
    """Processor threads; None takes torch's choice, and a resumed run's those it began with."""
    accelerator: Accelerator = "auto"
    precision: Precision = "32-true"
    name: str = "density of own recordings"

    def training(self) -> DensityTraining:
        """Give the settings of the loop. Errors: latentia's SettingError where a number makes no sense."""
        return DensityTraining(
            steps=self.steps,
            passes=None if self.steps else self.passes,
            batch=self.batch,
            learning_rate=self.learning_rate,
            patience=self.patience,
            checkpoint_steps=self.checkpoint_steps,
            accelerator=self.accelerator,
            precision=self.precision,
        )


def train_density(
    recordings: Iterable[LabelledRecording] | TrainingSet,
    config: DensityConfig,
    run_folder: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> DensityModel:
    """Train a density on the epochs that every expert calls clean, and write it, record and history to `run_folder`.

    The folder may hold the training of the networks as well. Images are cut from the recordings' frames, which are kept
    there as bytes, batch by batch. Ten-minute blocks are held out for early stopping. Then epochs of both kinds are
    scored, and for each number of top layers the threshold is chosen that agrees best with the experts. With `resume`
    an interrupted training goes on from its last checkpoint, as `spindle.training.train` does.

    Errors: SettingError for a folder in use, a resumed run with another config, or labels without an artifact;
    OutputError where the folder cannot be written; latentia's TrainingError where the loss stays not finite.
    """
    others = (HISTORY, DENSITY, CHECKPOINT)
    files = RunFiles(folder=run_folder, record="density-record.json", data=DATA, others=others, stored=LEVELS)
    try:
        files.claim(config, resume)
        if resume and (run_folder / DENSITY).is_file():
            return load_density(run_folder / DENSITY)
        with threads(config.threads or files.threads_before()):
            examples = files.training_set(recordings, config.rows, resume)
            try:
                _check(examples)
            except SettingError:
                if not isinstance(recordings, TrainingSet):
                    shutil.rmtree(run_folder / DATA)  # it would be in the way of better labels
                raise
            files.write_record(config, config.seed, examples)
            return _Training(examples, config, run_folder, on_progress).run(resume)
    except OSError as error:
        raise OutputError(f"The training in {run_folder} cannot be written or read: {error}.") from error


def train_density_on_files(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    config: DensityConfig,
    run_folder: Path,
    *,
    resume: bool = False,
    progress: Callable[[str, float], None] = lambda what, share: None,
    on_progress: Callable[[TrainingProgress], None] = lambda state: None,
) -> DensityModel:
    """Train on these files; `progress` tells of reading, `on_progress` of training. Errors: those of both."""
    recordings = read_all_labelled(files, channels, config.rows, progress=progress)
    try:
        return train_density(recordings, config, run_folder, resume=resume, on_progress=on_progress)
    except LatentiaError:
        remove_if_empty(run_folder / DATA, run_folder)
        raise


def _check(examples: TrainingSet) -> None:
    if examples.stored is not LEVELS:
        raise SettingError("The training set was prepared for the networks; a density reads whole images.")
    marked, clean = (int((examples.artifact == kind).sum()) for kind in (1, 0))
    if not marked or not clean:
        raise SettingError(
            f"A density learns from clean epochs and chooses its threshold by artifacts; the labels hold {clean} and "
            f"{marked} on which all experts agree."
        )


@dataclass(frozen=True, kw_only=True)
class _Images:
    """Batches of images without their labels."""

    batches: ShuffledBatches

    def __len__(self) -> int:
        return len(self.batches)

    def of_pass(self, number: int, first: int) -> Iterator[UInt8[Tensor, "batch 3 160 24"]]:
        for images, _ in self.batches.of_pass(number, first):
            yield images


class _Training:
    def __init__(
        self,
        examples: TrainingSet,
        config: DensityConfig,
        folder: Path,
        on_progress: Callable[[TrainingProgress], None],
    ) -> None:
        self.source = examples
        self.config = config
        self.folder = folder
        self.on_progress = on_progress
        self.held_out = examples.held_out(share=config.held_out, seed=config.seed)

    def run(self, resume: bool) -> DensityModel:
        config = self.config
        clean = self.clean(self.source.may_train(self.held_out))
        validation = self.clean(self.held_out)
        if not len(clean) or not len(validation):
            raise SettingError(
                f"The density has {len(clean)} clean epochs to train on and {len(validation)} held out; it needs some "
                "of both. Give it longer recordings, or more of them."
            )
        with seeded(config.seed):
            network = SIZES[config.size].build(FORMAT)
        batches = _Images(batches=ShuffledBatches(examples=clean, size=config.batch, seed=config.seed))
        places = np.linspace(0, len(validation) - 1, min(len(validation), VALIDATION_IMAGES)).round().astype(np.int64)
        task = density_task(network, batches, validation.batch(places)[0], config.training())
        outcome = fit(
            task,
            config.training().loop(config.seed),
            checkpoint=self.folder / CHECKPOINT,
            resume=resume,
            on_progress=lambda progress: self.on_progress(TrainingProgress(network="density", progress=progress)),
        )
        self.write_history(outcome)
        calibrations = self.calibrate(network.eval())
        model = DensityModel(
            network=network.cpu(),
            config=SIZES[config.size],
            rows=config.rows,
            calibrations=calibrations,
            card=self.card(outcome, calibrations[TOP_LAYERS - 1]),
        )
        save_density(model, self.folder / DENSITY)
        (self.folder / CHECKPOINT).unlink(missing_ok=True)
        return model

    def clean(self, where: Bool[np.ndarray, " epochs"]) -> Examples:
        """Epochs that all experts scored and none calls an artifact."""
        return Examples.of(self.source, self.source.artifact, where & (self.source.artifact == 0))

    def calibrate(self, network: LatentVariableModel) -> tuple[Calibration, ...]:
        """Choose the thresholds on epochs drawn from all labelled ones, artifacts as common as they are."""
        labelled = np.flatnonzero(self.source.artifact != UNKNOWN)
        rng = np.random.default_rng([self.config.seed, 1])
        drawn = np.sort(rng.permutation(labelled)[: self.config.threshold_epochs])
        marked = self.source.artifact[drawn] == 1
        if not 0 < marked.sum() < len(marked):
            raise SettingError(
                f"Of {len(drawn)} epochs drawn for the threshold {int(marked.sum())} are artifacts; raise "
                "threshold_epochs."
            )
        return tuple(
            calibrate(density_scores(network, self.source.images, drawn, top=top), marked, top)
            for top in range(1, len(network.latent_shapes) + 1)
        )

    def write_history(self, outcome: Outcome) -> None:
        names = list(outcome.history[0])
        with atomic_path(self.folder / HISTORY) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(outcome.history)

    def card(self, outcome: Outcome, told: Calibration) -> ModelCard:
        best = outcome.history[outcome.best]
        names = ("precision", "recall", "agreement", "average_precision", "area_under_roc")
        figures = {f"training_{name}": float(getattr(told, name)) for name in names}
        notes = [] if not outcome.skipped else [f"{outcome.skipped} steps were skipped: not finite."]
        return ModelCard(
            name=self.config.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=source_version(Path(__file__)),
            data=f"{self.source.summary}; sha256 {self.source.sha256}",
            figures={"held_out_bits_per_dimension": best["bits_per_dimension"], **figures},
            notes=tuple(notes),
        )
