"""One sweep of a spatial dependency layer: lines are corrected one after the other, each by the line before it.

Source: thesis A, Algorithm 1. All four directions are this one sweep on features that are laid out for it.

The features of a map lie line by line, (lines, batch, positions, features), so that a line is one matrix. The gates of
a position share a row of four slots, [m, r, z, n], where m is n's own part: the own-feature products of all positions
write the first three slots at once, the neighbours' products of a line add to the last three.

The sweep and its gradient are two operators of torch's library, so that `torch.compile` and `torch.export` see one
node each instead of a loop. On a graphics card with triton, one kernel each does it (`latentia.layers.sweep_triton`);
everywhere else torch's own operations do, line by line (`latentia.layers.sweep_lines`).
"""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from latentia.layers import sweep_lines
from latentia.layers.sweep_lines import Cell


@torch.library.custom_op(
    "latentia::correct",
    mutates_args=(),
    schema="(Tensor features, Tensor own_weight, Tensor own_bias, Tensor neighbour_weight, Tensor neighbour_bias, "
    "bool reverse, bool update_first_line, bool keep) -> (Tensor, Tensor)",
)
def correct(features: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """Sweep over a map: line i's features become z·I + (1 − z)·n, its gates hearing line i − 1 as already corrected.

    Arguments, F being the number of features:
    - `features`: I, (lines, batch, positions, F);
    - `own_weight`: (3F, F) and `own_bias`: (3F,) for the slots m, r, z;
    - `neighbour_weight`: (3, 3F, F) for the neighbours at j − 1, j, j + 1, and `neighbour_bias`: (3F,), for r, z, n;
    - `reverse`: from the last line to the first; `update_first_line`: or leave the first one as it is;
    - `keep`: whether to return the gates for the gradient, which computes them again otherwise.

    Returns the corrected features, and the gates (lines, batch·positions, 4F), empty without `keep`.
    """
    *weights, reverse, update_first_line, keep = arguments
    corrected, gates = _path(features).sweep(features, _cell(weights, reverse, update_first_line), keep=keep)
    return corrected, gates


@torch.library.custom_op(
    "latentia::correct_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor features, Tensor corrected, Tensor gates, Tensor own_weight, Tensor own_bias, "
    "Tensor neighbour_weight, Tensor neighbour_bias, bool reverse, bool update_first_line) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def correct_backward(
    grad: Tensor, features: Tensor, corrected: Tensor, gates: Tensor, *arguments: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of `correct` for its five tensors, from that of its first output."""
    *weights, reverse, update_first_line = arguments
    cell, path = _cell(weights, reverse, update_first_line), _path(features)
    if not gates.numel():
        corrected, gates = path.sweep(features, cell, keep=True)
    own, own_weight, own_bias, neighbour_weight, neighbour_bias = path.sweep_backward(
        grad, features, corrected, gates, cell
    )
    return own, own_weight, own_bias, neighbour_weight, neighbour_bias


def _cell(weights: list[Tensor], reverse: bool, update_first_line: bool) -> Cell:
    own_weight, own_bias, neighbour_weight, neighbour_bias = weights
    return Cell(
        own_weight=own_weight,
        own_bias=own_bias,
        neighbour_weight=neighbour_weight,
        neighbour_bias=neighbour_bias,
        reverse=reverse,
        update_first_line=update_first_line,
    )


def _path(features: Tensor) -> ModuleType:
    """Choose the module whose `sweep` and `sweep_backward` are the fastest that can do these features."""
    kernels = _kernels() if features.is_cuda else None
    return kernels if kernels is not None and kernels.serves(features) else sweep_lines


@cache
def _kernels() -> ModuleType | None:
    if importlib.util.find_spec("triton") is None:
        return None
    from latentia.layers import sweep_triton  # only here: triton comes with torch where there is a graphics card

    return sweep_triton


@correct.register_fake
def _(features: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    count, batch, positions, size = features.shape
    gates = (count, batch * positions, 4 * size) if arguments[-1] else (0,)
    return features.new_empty(features.shape), features.new_empty(gates)


@correct_backward.register_fake
def _(
    grad: Tensor, features: Tensor, corrected: Tensor, gates: Tensor, *arguments: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    own_weight, own_bias, neighbour_weight, neighbour_bias = (torch.empty_like(weight) for weight in arguments[:4])
    return features.new_empty(features.shape), own_weight, own_bias, neighbour_weight, neighbour_bias


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    features, *weights, ctx.reverse, ctx.update_first_line, _ = inputs
    corrected, gates = output
    ctx.mark_non_differentiable(gates)
    ctx.set_materialize_grads(False)  # or zeros are made for the gates' gradient, four times the size of the map
    ctx.save_for_backward(features, corrected, gates, *weights)


def _differentiate(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 8
    gradients = correct_backward(grad, *ctx.saved_tensors, ctx.reverse, ctx.update_first_line)
    return (*gradients, None, None, None)


def _refuse(ctx: Any, *grads: Tensor) -> None:
    raise NotImplementedError("A spatial dependency layer has first derivatives alone; its gradient has no gradient.")


correct.register_autograd(_differentiate, setup_context=_remember)
correct_backward.register_autograd(_refuse)
