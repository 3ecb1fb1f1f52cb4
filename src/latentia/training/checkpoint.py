"""Checkpoints: everything a run needs to go on, in one safetensors file, so that its parts always fit together.

Tensors are safetensors' own; everything else is JSON in the file's metadata. There is no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from latentia.errors import CheckpointError
from latentia.files import atomic_path

FORMAT = "latentia-checkpoint-2"


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a checkpoint holds besides module and optimizer: tensors (on the CPU) and anything that JSON can say."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def save_checkpoint(path: Path, *, module: nn.Module, optimizer: Optimizer, extras: Extras) -> None:
    """Write the state of a run. A kill at any instant leaves the old file or the new one, whole.

    Errors: OSError where `path` cannot be written.
    """
    state = optimizer.state_dict()
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"extra.{name}": value for name, value in extras.tensors.items()}
    numbers: dict[str, Any] = {}
    for index, parts in state["state"].items():
        for name, value in parts.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers[f"{index}.{name}"] = value
    metadata = {
        "format": FORMAT,
        "facts": json.dumps(dict(extras.facts)),
        "optimizer_groups": json.dumps(state["param_groups"]),
        "optimizer_numbers": json.dumps(numbers),
    }
    with atomic_path(path) as temporary:
        # Cloned because safetensors refuses tensors that share memory, as tied weights do.
        save_file({name: value.detach().cpu().clone() for name, value in tensors.items()}, temporary, metadata)


def load_checkpoint(path: Path, *, module: nn.Module, optimizer: Optimizer) -> Extras:
    """Put a saved state into `module` and `optimizer`, in place, and return the rest.

    Errors: CheckpointError where the file is missing, damaged, or of another module or optimizer.
    """
    tensors, metadata = _read(path)
    try:
        module.load_state_dict(_under("module.", tensors))
        optimizer.load_state_dict(_optimizer_state(tensors, metadata, optimizer))
        return Extras(tensors=_under("extra.", tensors), facts=json.loads(metadata["facts"]))
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {path} is not of this model and optimizer.") from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise CheckpointError(f"The checkpoint {path} is damaged ({error}).") from error
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read ({error}).") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is no checkpoint of this version: wanted {FORMAT}, got {metadata.get('format')}."
        )
    return tensors, metadata


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer_state(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], optimizer: Optimizer
) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    parts: dict[str, Any] = {**json.loads(metadata["optimizer_numbers"]), **_under("optimizer.", tensors)}
    for key, value in parts.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    current = optimizer.state_dict()["param_groups"]
    groups = [
        _with_tuples(group, like) for group, like in zip(json.loads(metadata["optimizer_groups"]), current, strict=True)
    ]
    return {"state": state, "param_groups": groups}


def _with_tuples(group: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    # JSON has no tuples; Adam's betas are one.
    return {name: tuple(value) if isinstance(like.get(name), tuple) else value for name, value in group.items()}
