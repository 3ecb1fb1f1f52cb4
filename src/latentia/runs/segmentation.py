"""Runs of segmentation: a configuration in, a folder with the trained model, its record and its history out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from latentia.configs import SEGMENTATION, find_configuration
from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.nuclei import NucleiFolders, PackedNuclei
from latentia.data.polyps import Polyps
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.data.segmentation_sets import SegmentationSet, check_apart
from latentia.errors import CheckpointError, SettingError
from latentia.files import atomic_path
from latentia.folders import check_output_folder, make_folder
from latentia.models.base import SegmentationModel
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.randomness import seeded
from latentia.runs.configuration import read_changed
from latentia.runs.segmentation_file import NETWORKS, SegmentationFile, load_segmentation, save_segmentation
from latentia.runs.settings import Choice, flat, plain
from latentia.runs.yaml_text import read_yaml, write_yaml
from latentia.training import Outcome, Progress, fit, run_record, write_record
from latentia.training.segmentation import SegmentationTraining, segmentation_task

SEGMENTATION_DATA = Choice(
    key="set",
    kinds={
        "nuclei": NucleiFolders,
        "packed_nuclei": PackedNuclei,
        "polyps": Polyps,
        "livers": LiverVolumes,
    },
)
MAY_CHANGE = tuple(f"training.{name}" for name in ("steps", "passes", "patience", "checkpoint_steps", "accelerator"))
"""What a training that goes on may change."""


@dataclass(frozen=True, kw_only=True)
class SegmentationConfiguration:
    """All that decides a run of segmentation, besides the bytes of the data and the code."""

    data: NucleiFolders | PackedNuclei | Polyps | LiverVolumes = field(metadata={"choice": SEGMENTATION_DATA})
    model: UNetConfig | NestedUNetConfig = field(metadata={"choice": NETWORKS})
    training: SegmentationTraining
    intensity: float = 0.1
    """By how much training images become lighter or darker, as a share; they are turned and mirrored besides."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingError(f"seed must be 0 or more, not {self.seed}.")


@dataclass(frozen=True, kw_only=True)
class SegmentationRun:
    """A trained model with what it was trained by."""

    path: Path
    configuration: SegmentationConfiguration
    file: SegmentationFile

    @property
    def model(self) -> SegmentationModel:
        """The model, in evaluation mode."""
        return self.file.model


def read_segmentation_configuration(name: str, changes: Sequence[str] = ()) -> SegmentationConfiguration:
    """Read a YAML file, or the packaged configuration of that name, with `changes` such as `training.steps=100`.

    Errors: SettingError where there is no such file, or a setting is unknown, misspelt, missing or of another type.
    """
    values = read_yaml(find_configuration(name, SEGMENTATION).read_bytes(), name)
    if values is None:
        raise SettingError(f"{name} is empty; a configuration has data, model and training.")
    return read_changed(SegmentationConfiguration, values, changes, name)


def train_segmentation(
    configuration: SegmentationConfiguration,
    folder: Path,
    *,
    resume: bool = False,
    on_data: Callable[[SegmentationSet, SegmentationSet], None] = lambda training, validation: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Train a model and keep it in `folder`; with `resume`, an interrupted run goes on, to the bit.

    Errors: DataError and SettingError for data and settings that do not fit, before anything is written; OutputError
    and OSError where the folder cannot be written; CheckpointError where its checkpoint is damaged; TrainingError
    where the loss stays not finite.
    """
    _check_folder(configuration, folder, resume=resume)
    training, validation = (configuration.data.load(split) for split in (Split.TRAIN, Split.VALIDATION))
    check_apart([training, validation])
    settings = configuration.training
    batches = ShuffledPairs(
        pairs=training, batch=settings.batch, seed=configuration.seed, intensity=configuration.intensity
    )
    with seeded(configuration.seed):
        model = configuration.model.build(training.images.shape[1])
    task = segmentation_task(model, batches, validation.pairs(slice(None)), settings)
    on_data(training, validation)
    _claim(configuration, folder, {str(part.split): part.sha256 for part in (training, validation)})
    size = (training.images.shape[2], training.images.shape[3])

    def keep(progress: Progress) -> None:
        if progress.evaluation is not None:
            _write_history(progress.history, folder / "history.csv")
        on_progress(progress)

    def keep_model(module: nn.Module, progress: Progress) -> None:
        if progress.is_best:
            assert isinstance(module, SegmentationModel)
            save_segmentation(module, configuration.model, size, folder / "model.safetensors")

    return fit(
        task,
        settings.loop(configuration.seed),
        checkpoint=folder / "checkpoint.safetensors",
        resume=resume,
        on_progress=keep,
        on_evaluation=keep_model,
    )


def load_segmentation_run(path: Path) -> SegmentationRun:
    """Load a run. Errors: CheckpointError where the folder holds none, or one of another kind or without a model yet;
    SettingError where its configuration is not understood.
    """
    if not (path / "config.yaml").is_file():
        what = "no run of latentia: it has no config.yaml" if path.is_dir() else "no folder of a run"
        raise CheckpointError(f"{path} is {what}.")
    if not (path / "model.safetensors").is_file():
        raise CheckpointError(f"The run in {path} has no model yet: its first evaluation makes one.")
    file = load_segmentation(path / "model.safetensors")
    return SegmentationRun(
        path=path, configuration=read_segmentation_configuration(str(path / "config.yaml")), file=file
    )


def _check_folder(configuration: SegmentationConfiguration, folder: Path, *, resume: bool) -> None:
    """Errors: SettingError where the folder holds something else, or this training with other settings; OutputError."""
    check_output_folder(folder)
    settings = folder / "config.yaml"
    if not settings.is_file():
        if any(not path.name.startswith(".") for path in folder.glob("*")):
            raise SettingError(f"{folder} holds other files and no training; name another folder with --out.")
        return
    if not resume:
        raise SettingError(
            f"{folder} holds a training already; go on with it by --resume, or name another folder with --out."
        )
    before, now = (flat(plain(one)) for one in (read_segmentation_configuration(str(settings)), configuration))
    for name in now:
        if before.get(name) != now[name] and name not in MAY_CHANGE:
            raise SettingError(
                f"The training in {folder} cannot go on with other settings: {name} was {before.get(name)} and is now "
                f"{now[name]}."
            )


def _claim(configuration: SegmentationConfiguration, folder: Path, data: Mapping[str, str]) -> None:
    make_folder(folder)
    with atomic_path(folder / "config.yaml") as temporary:
        temporary.write_text(write_yaml(configuration), encoding="utf-8")
    record = run_record(config=plain(configuration), seed=configuration.seed, data=data, source=Path(__file__))
    write_record(record, folder / "record.json")


def _write_history(rows: tuple[Mapping[str, float], ...], path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)
