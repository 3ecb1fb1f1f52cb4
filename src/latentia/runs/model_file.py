"""A trained model in one safetensors file: its weights, what it is made from, and the images it is for. No pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from latentia.errors import CheckpointError, DataError, SettingError
from latentia.files import atomic_path
from latentia.images import ImageFormat
from latentia.models.base import LatentVariableModel
from latentia.models.recurrent_vae import RecurrentVAEConfig
from latentia.models.vq_vae import VQVAE
from latentia.randomness import seeded
from latentia.runs.choices import MODELS, ImageModelConfig, ModelConfig
from latentia.runs.settings import plain, plain_choice, read

FORMAT = "latentia-model-1"


def save_model(model: LatentVariableModel, config: ImageModelConfig, path: Path) -> None:
    """Write a model with the config that built it, and without a prior that was learned after it.

    Errors: OSError where `path` cannot be written.
    """
    metadata = {"model": json.dumps(plain_choice(MODELS, config)), "images": json.dumps(plain(model.image_format))}
    with _without_prior(model):
        write_weights(model, path, FORMAT, metadata)


def load_model(path: Path, wanted: ModelConfig | None = None) -> LatentVariableModel:
    """Read a model, on the CPU and in evaluation mode.

    `wanted` is the configuration that it should have been made by, where that is known. Errors: CheckpointError where
    the file is missing, damaged, not a model of this version, or another one than wanted.
    """
    metadata, weights = read_weights(path, FORMAT, "model")
    with fitting(path):
        config = read(MODELS, json.loads(metadata["model"]), "model")
        if isinstance(config, RecurrentVAEConfig):
            raise ValueError("a model of sequences")
        image_format: ImageFormat = read(ImageFormat, json.loads(metadata["images"]), "images")
        with seeded(0):  # the first weights, which are replaced, shall not move the caller's random state
            model: LatentVariableModel = config.build(image_format)
        model.load_state_dict(weights)
    if wanted is not None and config != wanted:
        raise CheckpointError(f"{path} is another model than its run's configuration describes.")
    return model.eval()


def write_weights(module: nn.Module, path: Path, kind: str, metadata: Mapping[str, str]) -> None:
    """Write a module's state with what describes it; `kind` names the format. Errors: OSError."""
    with atomic_path(path) as temporary:
        # Cloned because safetensors refuses tensors that share memory, as tied weights do.
        state = {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
        save_file(state, temporary, {"format": kind, **metadata})


def read_weights(path: Path, kind: str, what: str) -> tuple[Mapping[str, str], Mapping[str, Tensor]]:
    """Read what `write_weights` wrote; `what` is its word in errors.

    Errors: CheckpointError where the file is missing, damaged or of another kind.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no {what} {path}.")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as a {what}: it is no safetensors file, or damaged.") from error
    if metadata.get("format") != kind:
        raise CheckpointError(
            f"{path} is not a {what} of this version of latentia: wanted {kind}, got "
            f"{metadata.get('format', 'a file of others')}."
        )
    if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
        raise CheckpointError(f"{path} is damaged: its weights are not all finite numbers.")
    return metadata, weights


@contextmanager
def _without_prior(model: LatentVariableModel) -> Iterator[None]:
    """Take off a prior that was learned after its model: it has a file of its own."""
    if not isinstance(model, VQVAE):
        yield
        return
    prior, model.prior = model.prior, None
    try:
        yield
    finally:
        model.prior = prior


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Within the block weights are loaded as their description says. Errors: CheckpointError where they do not fit."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, DataError, SettingError) as error:
        raise CheckpointError(f"{path} does not hold the weights that its description asks for.") from error
