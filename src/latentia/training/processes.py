"""One process or several: who does what, and how they agree.

Several processes come from `torchrun`, on one machine or more; each holds the whole module and takes its share of
every batch's micro-batches. All evaluate, on the same data with the same random numbers; the first one's score
decides, and the first one alone writes files and reports.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from latentia.errors import SettingError
from latentia.training.task import LoopSettings


def process_count() -> int:
    """How many processes `torchrun` started for this training, on all machines; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if _from_torchrun() else 1


def is_first_process() -> bool:
    """Whether this process is the one that writes files and talks to the user."""
    return not _from_torchrun() or os.environ["RANK"] == "0"


def _from_torchrun() -> bool:
    return distributed.is_available() and distributed.is_torchelastic_launched()


def launch(settings: LoopSettings) -> Fabric:
    """Join the other processes where `torchrun` started several; gradients are then averaged over them (DDP).

    They talk through NCCL on graphics cards and through gloo on processors. Errors: SettingError where the
    micro-batches cannot be shared out evenly, or the accelerator is not there or lacks the precision.
    """
    world = process_count()
    if settings.micro_batches % world:
        raise SettingError(
            f"{world} processes share the micro-batches of a step, so training.micro_batches must be a multiple of "
            f"{world}; it is {settings.micro_batches}."
        )
    local = int(os.environ["LOCAL_WORLD_SIZE"]) if world > 1 else 1
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=local,
            num_nodes=world // local,
            strategy=DDPStrategy(find_unused_parameters=settings.idle_parameters) if world > 1 else "auto",
            precision=settings.precision,
        )
    except (RuntimeError, ValueError) as error:
        raise SettingError(f"The accelerator '{settings.accelerator}' cannot be used here: {error}") from error
    if settings.precision == "16-mixed" and fabric.device.type == "cpu":
        raise SettingError("The precision 16-mixed needs a graphics card; processors have bf16-mixed and 32-true.")
    if world > 1:
        fabric.launch()
        # Fabric does so for NCCL alone. Gloo's threads may still hold a tensor that was sent, and a thread that lets
        # go of one while the interpreter ends aborts the process.
        atexit.register(_leave)
    return fabric


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def total(fabric: Fabric, values: Tensor) -> Tensor:
    """Sum over all processes."""
    if fabric.world_size > 1:
        distributed.all_reduce(values)
    return values


def of_first(fabric: Fabric, value: float) -> float:
    """The first process's value, on all of them."""
    if fabric.world_size == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64, device=fabric.device)
    distributed.broadcast(shared, src=0)
    return float(shared)


def part_of(batch: Any, part: int, parts: int) -> Any:
    """Cut out one of `parts` equal parts of a batch: of each tensor in it, along axis 0, in order.

    Errors: SettingError where a tensor cannot be cut evenly, or something in the batch is no tensor.
    """
    if parts == 1:
        return batch
    if isinstance(batch, Tensor):
        if len(batch) % parts:
            raise SettingError(f"A batch of {len(batch)} cannot be cut into {parts} equal micro-batches.")
        return batch.chunk(parts)[part]
    if isinstance(batch, Mapping):
        return {name: part_of(value, part, parts) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(part_of(value, part, parts) for value in batch)
    raise SettingError(f"Micro-batches are cut out of tensors, tuples, lists and mappings, not of {type(batch)}.")
