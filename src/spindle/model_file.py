"""Model files: both networks and their card in one safetensors file. No file from a stranger can run code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from latentia.files import atomic_path
from spindle.classifier import EpochClassifier
from spindle.errors import ModelError, OutputError, SettingError
from spindle.hypnogram import STAGES
from spindle.markov import Transitions
from spindle.spectrogram import RowChoice

FORMAT = "spindle-model"
FORMAT_VERSION = 1
STARTER = "models/starter.safetensors"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Where a model comes from. `figures` are measured numbers by name; `notes` are sentences on its limits."""

    name: str
    created: str
    commit: str
    data: str
    figures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SpindleModel:
    """The stage network (wake, NREM, REM), the artifact network (clean, artifact), and the rows both read.

    `transitions` are those of the labels it was trained on, and their `initial` the share of each state in them.
    """

    stage: EpochClassifier
    artifact: EpochClassifier
    rows: RowChoice
    card: ModelCard
    transitions: Transitions = field(default_factory=Transitions)


def save_model(model: SpindleModel, path: Path, *, half: bool = True) -> None:
    """Write both networks; in half precision that is 27 MB. Errors: OutputError where `path` cannot be written."""
    kind = torch.float16 if half else torch.float32
    networks = {"stage": model.stage, "artifact": model.artifact}
    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().to(kind).contiguous()
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION),
        "rows": model.rows.value,
        "transitions": model.transitions.to_json(),
        "card": json.dumps(asdict(model.card)),
    }
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata)
    except OSError as error:
        raise OutputError(f"The model cannot be written to {path}: {error.strerror or error}.") from error


def load_model(path: Path) -> SpindleModel:
    """Read a model file. Errors: ModelError where it is missing, no SPINDLE model, or of a newer version."""
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            _check_format(metadata, path)
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is not a SPINDLE model: it cannot be read as a safetensors file.") from error
    try:
        rows = RowChoice(metadata["rows"])
        card = read_card(json.loads(metadata["card"]))
        transitions = Transitions.parse(metadata["transitions"])
    except (KeyError, TypeError, ValueError, AttributeError, SettingError) as error:
        raise ModelError(f"{path.name} is a damaged SPINDLE model: its description cannot be read.") from error
    return SpindleModel(
        stage=_network(tensors, "stage", len(STAGES), path),
        artifact=_network(tensors, "artifact", 2, path),
        rows=rows,
        card=card,
        transitions=transitions,
    )


def starter_model() -> SpindleModel:
    """Load the model that comes with the package. Errors: ModelError where the package was built without it."""
    starter = resources.files("spindle") / STARTER
    if not starter.is_file():
        raise ModelError("This installation holds no starter model; name a model file of your own.")
    with resources.as_file(starter) as path:
        return load_model(path)


def never_artifact() -> EpochClassifier:
    """Make an artifact network that calls every epoch clean, for models whose labels held no artifact."""
    network = EpochClassifier(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.output.bias.copy_(torch.tensor([20.0, -20.0]))
    return network.eval()


def _check_format(metadata: dict[str, str], path: Path) -> None:
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path.name} is a safetensors file, but not a SPINDLE model.")
    version = metadata.get("version", "")
    if not version.isdecimal():
        raise ModelError(f"{path.name} is a damaged SPINDLE model: it does not say its format version.")
    if int(version) > FORMAT_VERSION:
        raise ModelError(
            f"{path.name} has model format {version}; this version of SPINDLE reads up to {FORMAT_VERSION}. Update it."
        )


def read_card(fields: dict[str, Any]) -> ModelCard:
    """Invert `asdict`. Errors: KeyError, TypeError, ValueError or AttributeError where the card is damaged."""
    return ModelCard(
        name=str(fields["name"]),
        created=str(fields["created"]),
        commit=str(fields["commit"]),
        data=str(fields["data"]),
        figures={str(name): float(value) for name, value in fields["figures"].items()},
        notes=tuple(str(note) for note in fields["notes"]),
    )


def _network(tensors: dict[str, Tensor], prefix: str, classes: int, path: Path) -> EpochClassifier:
    # On the "meta" device nothing is drawn or filled: the file's tensors take the parameters' place.
    with torch.device("meta"):
        network = EpochClassifier(classes)
    weights = {}
    for name, expected in network.state_dict().items():
        found = tensors.get(f"{prefix}.{name}")
        if found is None:
            raise ModelError(f"{path.name} lacks '{prefix}.{name}', a part of every SPINDLE model.")
        if found.shape != expected.shape:
            raise ModelError(
                f"'{prefix}.{name}' in {path.name} has the shape {tuple(found.shape)}; "
                f"a SPINDLE model has {tuple(expected.shape)} there."
            )
        if not torch.isfinite(found).all():
            raise ModelError(f"'{prefix}.{name}' in {path.name} has numbers that are not finite; the model is damaged.")
        weights[name] = found.float()
    network.load_state_dict(weights, assign=True)
    return network.eval()
