"""Batch norm's statistics for the weights that are evaluated.

In training, batch norm keeps running means for later use: those of the last few steps, of the weights as they were
then, and in each process of its own share of the batches. Averaged weights have other means. So before an evaluation
they are taken anew, from the same batches each time and in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

BATCHES = 50
"""Over so many batches the means are taken."""


def keeps_statistics(module: nn.Module) -> bool:
    """Tell whether a module has batch norm that goes by kept means when it is evaluated."""
    return bool(_norms(module))


@torch.no_grad()
def renew_statistics(module: nn.Module, forward_passes: Iterable[Callable[[], object]]) -> None:
    """Give batch norm the plain mean, over these forward passes, of each one's statistics; leave the module in eval.

    A pass that leaves something that is not finite, as a spoiled batch does, counts for nothing.
    """
    norms = _norms(module)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for a plain mean
    module.train()
    for forward in forward_passes:
        before = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
        forward()
        if not all(torch.isfinite(buffer).all() for norm in norms for buffer in norm.buffers()):
            for norm, buffers in zip(norms, before, strict=True):
                norm.load_state_dict(buffers, strict=False)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()


def _norms(module: nn.Module) -> list[_BatchNorm]:
    return [one for one in module.modules() if isinstance(one, _BatchNorm) and one.track_running_stats]
