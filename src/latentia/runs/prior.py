"""The second stage of a VQ-VAE's training: a prior over its codes, kept in the folder of its run (thesis B 2.2.2)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from latentia.data import DataSet, Split
from latentia.data.code_maps import CodeMaps, ShuffledCodeMaps
from latentia.errors import CheckpointError, DataError, SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.folders import check_output_folder, make_folder
from latentia.masks import Masking, apply_mask, mask_keys
from latentia.models.pixel_cnn import PixelCNNConfig
from latentia.models.vq_vae import VQVAE
from latentia.randomness import seeded
from latentia.runs.configuration import read_changed
from latentia.runs.folder import MAY_CHANGE
from latentia.runs.prior_file import PriorFolder, build_prior, checksum, save_prior
from latentia.runs.settings import flat, plain
from latentia.runs.trained import Run
from latentia.training import Outcome, Progress, continued, fit, is_first_process, run_record, write_record
from latentia.training.prior import PriorTraining, prior_task

PASSES = 20
"""Over the codes of the training images, where nothing else is said."""

BATCH = 256
"""Images that are encoded at a time."""


@dataclass(frozen=True, kw_only=True)
class PriorConfiguration:
    """All that decides a prior, besides the run that it belongs to."""

    prior: PixelCNNConfig = field(default_factory=PixelCNNConfig)
    training: PriorTraining = field(default_factory=lambda: PriorTraining(passes=PASSES))
    masking: Masking = field(default_factory=lambda: Masking(places="uniform", exponent=40.0))
    """Which pixels a conditioned prior is told of; with few or none at times, it learns to do without."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingError(f"seed must be 0 or more, not {self.seed}.")


def read_prior_configuration(changes: Sequence[str]) -> PriorConfiguration:
    """Give the settings with changes such as `prior.layers=10`. Errors: SettingError, which begins with the change."""
    has_length = any(change.partition("=")[0].strip() in ("training.steps", "training.passes") for change in changes)
    values = {} if has_length else {"training": {"passes": PASSES}}
    return read_changed(PriorConfiguration, values, changes, "The prior")


def train_prior(
    run: Run,
    configuration: PriorConfiguration,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Learn a prior of the codes of a run's training images, and keep it in the run's folder.

    Errors: SettingError where the run's model is no VQ-VAE, the settings do not fit it, or there is a prior already;
    DataError where a prior of classes finds no labels; OutputError where the folder cannot be written; as `fit`.
    """
    model = run.model
    if not isinstance(model, VQVAE):
        raise SettingError(f"The model of {run.folder.path} is no VQ-VAE: it needs no prior to be learned.")
    place = PriorFolder(run=run.folder.path)
    images = [run.images(split) for split in (Split.TRAIN, Split.VALIDATION)]
    data = {"model": checksum(run.folder.model), **{str(one.split): one.sha256 for one in images}}
    _check_folder(place, configuration, data, resume=resume)
    train, validation = (_code_maps(model, one, configuration.prior) for one in images)
    batches = ShuffledCodeMaps(maps=train, batch=configuration.training.batch, seed=configuration.seed)
    with seeded(configuration.seed):
        prior = build_prior(configuration.prior, model)
    task = prior_task(prior, batches, validation, configuration.training, condition=_condition(model, configuration))

    told = False

    def tell(progress: Progress) -> None:
        nonlocal told
        if not told and is_first_process():  # the training has begun, and until then nothing is written
            make_folder(place.path)
            _write_record(place, configuration, data)
        told = True
        on_progress(progress)

    def keep(module: nn.Module, progress: Progress) -> None:
        if progress.is_best:
            save_prior(module, configuration.prior, of=run.folder.model, path=place.model)

    outcome = fit(
        task,
        configuration.training.loop(configuration.seed),
        checkpoint=place.checkpoint,
        resume=resume,
        on_progress=tell,
        on_evaluation=keep,
    )
    model.prior = prior.to(next(model.parameters()).device).eval()  # which need not be where it was trained
    return outcome


def bits_per_code(model: VQVAE, images: DataSet, *, batch: int = BATCH) -> Float[Tensor, " images"]:
    """−log₂ p(codes) per code of each image, on the CPU in float64: of the learned prior, which is told of no pixel.

    Without a prior that is log₂ of the codebook's size. Errors: DataError where images are not of the model's size.
    """
    codes = _codes(model, images, batch)
    with evaluation_mode(model) as device:
        parts = [model.log_prior(codes[block].to(device)).cpu() for block in blocks(len(codes), batch)]
    return -torch.cat(parts).double() / (math.prod(model.code_map) * math.log(2))


def _write_record(place: PriorFolder, configuration: PriorConfiguration, data: Mapping[str, str]) -> None:
    record = run_record(config=plain(configuration), seed=configuration.seed, data=data, source=Path(__file__))
    if place.record.is_file():
        record = continued(json.loads(place.record.read_text(encoding="utf-8")), record)
    write_record(record, place.record)


def _check_folder(
    place: PriorFolder, configuration: PriorConfiguration, data: Mapping[str, str], *, resume: bool
) -> None:
    check_output_folder(place.path)
    if not place.record.is_file():
        return
    try:
        record = json.loads(place.record.read_text(encoding="utf-8"))
        before, data_before = flat(record["config"]), dict(record["data_sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{place.record} is damaged.") from error
    if data_before.get("model") != data["model"]:
        raise SettingError(f"{place.path} holds a prior of an earlier model; to learn it anew, delete that folder.")
    if not resume:
        raise SettingError(f"{place.path} holds a prior already; go on with it by --resume, or delete that folder.")
    if data_before != data:
        raise SettingError(f"The prior in {place.path} was begun on other data; to learn it anew, delete that folder.")
    for name, value in flat(plain(configuration)).items():
        if before.get(name) != value and name not in MAY_CHANGE:
            raise SettingError(
                f"The prior in {place.path} cannot go on with other settings: {name} was {before.get(name)} and is now "
                f"{value}."
            )


def _code_maps(model: VQVAE, images: DataSet, config: PixelCNNConfig) -> CodeMaps:
    classes = config.classes
    labels = images.labels if classes else None
    if classes and labels is None:
        raise DataError(f"prior.classes is {classes}, but {images.name} has no labels.")
    if labels is not None and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise SettingError(
            f"prior.classes is {classes}, so that labels are 0 to {classes - 1}; those of {images.name} are "
            f"{int(labels.min())} to {int(labels.max())}."
        )
    return CodeMaps(
        codes=_codes(model, images, BATCH),
        labels=None if labels is None else torch.from_numpy(labels),
        images=images.tensor(slice(None)) if config.conditioned else None,
    )


def _codes(model: VQVAE, images: DataSet, batch: int) -> Int64[Tensor, "images height width"]:
    codes = []
    with evaluation_mode(model) as device:
        for block in blocks(len(images), batch):
            found = model.encode(model.as_values(images.tensor(block).to(device))).codes
            assert found is not None
            codes.append(found.cpu())
    return torch.cat(codes)


def _condition(model: VQVAE, configuration: PriorConfiguration) -> Callable[[Tensor, Generator], Tensor] | None:
    if not configuration.prior.conditioned:
        return None

    def draw(images: Tensor, generator: Generator) -> Tensor:
        values = model.as_values(images)
        keys = mask_keys(int(torch.randint(2**62, (), generator=generator)), count=len(values))
        mask = configuration.masking.draw(keys, *values.shape[2:])
        return apply_mask(values, mask.to(values.device))

    return draw
