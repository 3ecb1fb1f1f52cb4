"""Training of the stage and artifact networks on labelled recordings (thesis A, 5.3.2)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from latentia.files import atomic_path
from latentia.training import (
    Accelerator,
    LoopSettings,
    Outcome,
    Precision,
    Progress,
    StepContext,
    Task,
    fit,
    source_version,
)
from spindle.augmentation import change_electrodes
from spindle.classifier import EpochClassifier, initialise
from spindle.errors import OutputError, SettingError
from spindle.hypnogram import STAGES
from spindle.model_file import ModelCard, SpindleModel, load_model, never_artifact, save_model
from spindle.objective import held_out_evaluation, weighted_cross_entropy
from spindle.run_files import RunFiles, threads
from spindle.spectrogram import RowChoice
from spindle.training_set import Examples, LabelledRecording, ShuffledBatches, TrainingSet

RECORD, HISTORY, MODEL, DATA = "record.json", "history.csv", "model.safetensors", "data"
EVALUATION_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How both networks are trained. The defaults are the thesis' where it gives a number."""

    learning_rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    batch: int = 100
    dropout: float = 0.5
    held_out: float = 0.1
    """Share of the epochs that early stopping looks at."""
    passes: int = 30
    """Upper limit; the thesis' network converged after 5, so that patience decides."""
    patience: int = 3
    """Passes without a better held-out loss; one worse pass is often noise of the held-out tenth."""
    seed: int = 0
    rows: RowChoice = RowChoice.NARROW
    checkpoint_steps: int = 500
    """About half a minute's work on two cores."""
    threads: int | None = None
    """Processor threads; None takes torch's choice, and a resumed run's those it began with: sums depend on them."""
    accelerator: Accelerator = "auto"
    """`auto` takes a graphics card where there is one; `cpu` does not, and repeats a run to the bit."""
    augment: bool = False
    """Whether to vary the electrodes (`spindle.augmentation`); the thesis does not."""
    precision: Precision = "32-true"
    """`bf16-mixed` takes a quarter to a half off the time of a step on processors that have it."""
    name: str = "own recordings"


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """Where a training is; `network` is "stage" or "artifact"."""

    network: str
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class _Network:
    name: str
    classes: tuple[str, ...]


STAGE = _Network(name="stage", classes=tuple(stage.value for stage in STAGES))
ARTIFACT = _Network(name="artifact", classes=("clean", "artifact"))


def train(
    recordings: Iterable[LabelledRecording] | TrainingSet,
    config: TrainingConfig,
    run_folder: Path,
    *,
    resume: bool = False,
    base: SpindleModel | None = None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> SpindleModel:
    """Train the stage network, then the artifact network, and write model, record and history to `run_folder`.

    Recordings are taken one at a time and kept in `run_folder`/data in small form. With `resume`, an interrupted
    training goes on where its last checkpoint stands, without looking at `recordings` if all were read before, and
    gives the weights an uninterrupted one would have given, to the bit (on the CPU). `base` is what to start from.
    Without artifact labels the base's artifact network is kept; without a base, no epoch is called an artifact.

    Errors: SettingError for a run folder in use, a resumed run with another config, or labels that leave nothing to
    train on; OutputError where the folder cannot be written; latentia's TrainingError where the loss stays not finite.
    """
    if base is not None and base.rows is not config.rows:
        raise SettingError(f"The base model reads {base.rows} rows; this training was set to {config.rows} ones.")
    try:
        files = RunFiles(folder=run_folder, record=RECORD, data=DATA, others=(HISTORY, MODEL, "checkpoint.safetensors"))
        files.claim(config, resume)
        if resume and (run_folder / MODEL).is_file():
            return load_model(run_folder / MODEL)
        with threads(config.threads or files.threads_before()):
            examples = files.training_set(recordings, config.rows, resume)
            files.write_record(config, config.seed, examples)
            return _Training(examples, config, run_folder, on_progress).run(base, resume)
    except OSError as error:
        raise OutputError(f"The training in {run_folder} cannot be written or read: {error}.") from error


class _FromPooled(nn.Module):
    """A network as the training calls it: on images that the training set has pooled already."""

    def __init__(self, network: EpochClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, pooled: Float[Tensor, "batch 3 80 8"]) -> Float[Tensor, "batch classes"]:
        return self.network.after_first_pool(pooled)


def _logits(module: nn.Module, examples: Examples) -> Float[Tensor, "examples classes"]:
    device = next(module.parameters()).device
    parts = []
    for first in range(0, len(examples), EVALUATION_BATCH):
        images, _ = examples.batch(np.arange(first, min(first + EVALUATION_BATCH, len(examples))))
        parts.append(module(images.to(device)).float().cpu())
    return torch.cat(parts)


class _Training:
    """One run: what both networks share."""

    def __init__(
        self,
        examples: TrainingSet,
        config: TrainingConfig,
        folder: Path,
        on_progress: Callable[[TrainingProgress], None],
    ) -> None:
        self.source = examples
        self.config = config
        self.folder = folder
        self.on_progress = on_progress
        self.history: list[dict[str, Any]] = []
        self.figures: dict[str, float] = {}
        self.notes: list[str] = []
        self.held_out = examples.held_out(share=config.held_out, seed=config.seed)
        self.trainable = examples.may_train(self.held_out)

    def run(self, base: SpindleModel | None, resume: bool) -> SpindleModel:
        stage = self.network(STAGE, self.source.stage, base.stage if base else None, resume)
        if (self.source.artifact == 1).any():
            artifact = self.network(ARTIFACT, self.source.artifact, base.artifact if base else None, resume)
        elif base is not None:
            artifact = base.artifact
            self.notes.append("The labels held no artifacts: the artifact network is the base model's.")
        else:
            artifact = never_artifact()
            self.notes.append("The labels held no artifacts: this model calls no epoch an artifact.")
        model = SpindleModel(
            stage=stage,
            artifact=artifact,
            rows=self.config.rows,
            card=self.card(),
            transitions=self.source.transitions,
        )
        save_model(model, self.folder / MODEL)
        for checkpoint in self.folder.glob("checkpoint-*.safetensors"):
            checkpoint.unlink()
        return model

    def network(
        self, kind: _Network, labels: NDArray[np.int8], start: EpochClassifier | None, resume: bool
    ) -> EpochClassifier:
        held_out = Examples.of(self.source, labels, self.held_out)
        examples = Examples.of(self.source, labels, self.trainable)
        self.check(kind, examples, held_out)
        network = EpochClassifier(len(kind.classes), dropout=self.config.dropout)
        if start is None:
            initialise(network, Generator().manual_seed(self.config.seed))
        else:
            network.load_state_dict(start.state_dict())
        optimizer = torch.optim.Adam(
            network.parameters(), lr=self.config.learning_rate, betas=self.config.betas, fused=True
        )
        task = Task(
            module=_FromPooled(network),
            optimizer=optimizer,
            batches=ShuffledBatches(examples=examples, size=self.config.batch, seed=self.config.seed),
            loss=self.loss,
            evaluate=lambda module: held_out_evaluation(
                _logits(module, held_out), torch.from_numpy(held_out.labels), kind.classes
            ),
        )
        outcome = fit(
            task,
            self.loop_settings(),
            checkpoint=self.folder / f"checkpoint-{kind.name}.safetensors",
            resume=resume,
            on_progress=lambda progress: self.report(kind, progress),
        )
        self.remember(kind, outcome)
        return network.cpu().eval()

    def check(self, kind: _Network, examples: Examples, held_out: Examples) -> None:
        if not len(examples) or not len(held_out):
            raise SettingError(
                f"The {kind.name} network has {len(examples)} labelled epochs to train on and {len(held_out)} held "
                "out; it needs some of both. Give it longer recordings, or more of them."
            )
        missing = [name for code, name in enumerate(kind.classes) if not (examples.labels == code).any()]
        if missing:
            self.notes.append(f"The training labels held no {' and no '.join(missing)}: this model never finds it.")

    def loss(self, module: nn.Module, batch: tuple[Tensor, Tensor], context: StepContext) -> Tensor:
        images, labels = batch
        if self.config.augment:
            images = change_electrodes(images, context.generator)
        return weighted_cross_entropy(module(images).float(), labels)

    def loop_settings(self) -> LoopSettings:
        return LoopSettings(
            seed=self.config.seed,
            passes=self.config.passes,
            patience=self.config.patience,
            checkpoint_steps=self.config.checkpoint_steps,
            precision=self.config.precision,
            accelerator=self.config.accelerator,
        )

    def report(self, kind: _Network, progress: Progress) -> None:
        if progress.history:
            self.write_history(kind, progress.history)
        self.on_progress(TrainingProgress(network=kind.name, progress=progress))

    def remember(self, kind: _Network, outcome: Outcome) -> None:
        self.write_history(kind, outcome.history)
        self.history += [{"network": kind.name, **row} for row in outcome.history]
        best = outcome.history[outcome.best]
        names = [name for name in best if name not in ("pass", "step", "seconds", "loss")]
        self.figures |= {f"{kind.name}_held_out_{name.removeprefix('held_out_')}": best[name] for name in names}
        if outcome.skipped:
            self.notes.append(f"{outcome.skipped} steps of the {kind.name} network were skipped: not finite.")

    def write_history(self, kind: _Network, rows: tuple[Mapping[str, float], ...]) -> None:
        names = ["network", "pass", "loss", "held_out_loss", "balanced_accuracy"]
        names += [f"f1_{name}" for name in STAGE.classes + ARTIFACT.classes]
        with atomic_path(self.folder / HISTORY) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows([*self.history, *({"network": kind.name, **row} for row in rows)])

    def card(self) -> ModelCard:
        return ModelCard(
            name=self.config.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=source_version(Path(__file__)),
            data=f"{self.source.summary}; sha256 {self.source.sha256}",
            figures=self.figures,
            notes=tuple(self.notes),
        )
