"""Running a model that is trained: in evaluation mode, without gradients, on the device where it lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from latentia.errors import DataError, SettingError


@contextmanager
def evaluation_mode(module: nn.Module, autocast: torch.dtype | None = None) -> Iterator[torch.device]:
    """Within the block `module` is in evaluation mode, and nothing is recorded for gradients; gives its device.

    Afterwards every part is in the mode it was in. `autocast` is the type of mixed precision, None for none.
    """
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    training = [part for part in module.modules() if part.training]
    mixed = nullcontext() if autocast is None else torch.autocast(device.type, autocast)
    module.eval()
    try:
        with torch.inference_mode(), mixed:
            yield device
    finally:
        for part in training:
            part.training = True


def blocks(count: int, size: int, thing: str = "image") -> list[slice]:
    """Cut `count` things into blocks of `size`; the last may be smaller, and nothing is left out.

    Errors: DataError where there is nothing, SettingError where `size` is not positive.
    """
    if count < 1:
        raise DataError(f"At least one {thing} is wanted; there is none.")
    if size < 1:
        raise SettingError(f"A batch has at least one {thing}, not {size}.")
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
