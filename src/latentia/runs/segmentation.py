"""Runs of segmentation: a configuration in, a folder with the trained model, its record and its history out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from torch import nn

from latentia.configs import SEGMENTATION, find_configuration
from latentia.data.archives import sizes
from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.nuclei import NucleiFolders, PackedNuclei
from latentia.data.polyps import Polyps
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.data.segmentation_sets import SegmentationSet, check_apart
from latentia.errors import DataError, SettingError
from latentia.files import atomic_path
from latentia.models.base import SegmentationModel
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.randomness import seeded
from latentia.runs.configuration import read_changed
from latentia.runs.folder import TrainingFolder
from latentia.runs.segmentation_file import NETWORKS, SegmentationFile, load_segmentation, save_segmentation
from latentia.runs.settings import Choice
from latentia.runs.yaml_text import read_yaml
from latentia.training import Outcome, Progress, fit
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
LOCATES = ("data.folder", "data.file")
"""What says where the data lie."""


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


class SegmentationFolder(TrainingFolder[SegmentationConfiguration]):
    """Places in the folder of a run of `latentia train-segmentation`."""

    command: ClassVar[str] = "train-segmentation"

    @property
    def seen(self) -> Path:
        """A line for each image that was trained on or validated with: its digest."""
        return self.path / "seen.txt"

    def read_seen(self) -> frozenset[str]:
        """Give the lines of `seen`; none for a run from before there were any."""
        return frozenset(self.seen.read_text(encoding="utf-8").split()) if self.seen.is_file() else frozenset()

    def _read(self, name: str) -> SegmentationConfiguration:
        return read_segmentation_configuration(name)


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

    def pairs(self, split: Split) -> SegmentationSet:
        """Load one split of the run's data.

        Errors: DataError, also where test images are among those that the model was trained on: where images come or
        go, the division of the others changes.
        """
        pairs = self.configuration.data.load(split)
        if split is Split.TEST:
            seen = SegmentationFolder(path=self.path).read_seen()
            known = [name for name, digest in zip(pairs.names, pairs.digests, strict=True) if digest in seen]
            if known:
                raise DataError(
                    f"The images of {pairs.name} are others than at the training of {self.path}, and are divided "
                    f"otherwise: {len(known)} of {len(pairs)} test images, such as {known[0]}, were trained on or "
                    "validated with."
                )
        return pairs


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
    place = SegmentationFolder(path=folder)
    place.check(configuration, resume=resume)
    training, validation = (configuration.data.load(split) for split in (Split.TRAIN, Split.VALIDATION))
    check_apart([training, validation])
    settings = configuration.training
    batches = ShuffledPairs(
        pairs=training, batch=settings.batch, seed=configuration.seed, intensity=configuration.intensity
    )
    with seeded(configuration.seed):
        model = configuration.model.build(training.images.shape[1])
    task = segmentation_task(model, batches, validation.pairs(slice(None)), settings)
    _check_lowest_map(configuration, training)
    data = {str(part.split): part.sha256 for part in (training, validation)}
    place.check_data(data)
    on_data(training, validation)
    place.claim(configuration, data)
    with atomic_path(place.seen) as temporary:
        temporary.write_text("\n".join([*training.digests, *validation.digests, ""]), encoding="utf-8")
    size = (training.images.shape[2], training.images.shape[3])

    def keep(progress: Progress) -> None:
        if progress.evaluation is not None:
            place.write_history(progress.history)
        on_progress(progress)

    def keep_model(module: nn.Module, progress: Progress) -> None:
        if progress.is_best:
            assert isinstance(module, SegmentationModel)
            save_segmentation(module, configuration.model, size, place.model)

    return fit(
        task,
        settings.loop(configuration.seed),
        checkpoint=place.checkpoint,
        resume=resume,
        on_progress=keep,
        on_evaluation=keep_model,
    )


def load_segmentation_run(path: Path, changes: Sequence[str] = ()) -> SegmentationRun:
    """Load a run; `changes` say where its data lie now, such as `data.folder=…`.

    Errors: CheckpointError where the folder holds none, or one of another kind or without a model yet; SettingError
    where its configuration is not understood, or a change is of anything else.
    """
    for change in changes:
        if change.partition("=")[0].strip() not in LOCATES:
            raise SettingError(f"Of a trained segmentation only {' or '.join(LOCATES)} can be changed, not {change}.")
    folder = SegmentationFolder(path=path)
    configuration = folder.read_configuration()
    if changes:
        configuration = read_segmentation_configuration(str(folder.configuration), changes)
    folder.check_model()
    return SegmentationRun(path=path, configuration=configuration, file=load_segmentation(folder.model))


def _check_lowest_map(configuration: SegmentationConfiguration, training: SegmentationSet) -> None:
    """Errors: SettingError where batch norm would have one number to take the mean of."""
    settings, halvings = configuration.training, len(configuration.model.widths) - 1
    single = max(training.images.shape[2:]) <= 2**halvings
    if single and settings.batch // settings.micro_batches < 2:
        raise SettingError(
            f"With {halvings + 1} model.widths the lowest map of images of {sizes(training.images.shape[2:])} is one "
            "pixel, of which batch norm needs two images at a time: enlarge training.batch, or take fewer widths."
        )
