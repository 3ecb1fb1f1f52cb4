"""One sweep of a spatial dependency layer: lines are corrected one after the other, each by the line before it.

Source: thesis A, Algorithm 1. All four directions are this one sweep on features that are laid out for it.

The features of a map lie line by line, (lines, batch, positions, features), so that a line is one matrix. The gates of
a position share a row of four slots, [m, r, z, n], where m is n's own part: the own-feature products of all positions
write the first three slots at once, the neighbours' products of a line add to the last three.

The sweep and its gradient are two operators of torch's library, so that `torch.compile` and `torch.export` see one
node each instead of a loop. A kernel for another device takes their place with `correct.register_kernel("cuda")` and
`correct_backward.register_kernel("cuda")`; every device without one runs the code here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentia.layers.neighbours import NeighbourProducts, add_product, neighbour_products

SIGMOID_BACKWARD = torch.ops.aten.sigmoid_backward.grad_input
TANH_BACKWARD = torch.ops.aten.tanh_backward.grad_input

ROWS_AT_A_TIME = 1024
"""Where gates are not kept: enough rows for an efficient product, few enough to stay in a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Weights of a cell, and how to sweep; see `correct`."""

    own_weight: Tensor
    own_bias: Tensor
    neighbour_weight: Tensor
    neighbour_bias: Tensor
    reverse: bool
    update_first_line: bool

    def lines(self, count: int) -> list[int]:
        """Indices of the lines in the order of the sweep."""
        return list(range(count - 1, -1, -1) if self.reverse else range(count))


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
    return _sweep(features, _task(weights, reverse, update_first_line), keep=keep)


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
    task = _task(weights, reverse, update_first_line)
    if not gates.numel():
        corrected, gates = _sweep(features, task, keep=True)
    return _sweep_backward(grad, features, corrected, gates, task)


def _task(weights: list[Tensor], reverse: bool, update_first_line: bool) -> _Task:
    own_weight, own_bias, neighbour_weight, neighbour_bias = weights
    return _Task(
        own_weight=own_weight,
        own_bias=own_bias,
        neighbour_weight=neighbour_weight,
        neighbour_bias=neighbour_bias,
        reverse=reverse,
        update_first_line=update_first_line,
    )


def _sweep(features: Tensor, task: _Task, *, keep: bool) -> tuple[Tensor, Tensor]:
    """Sweep over all lines at once, to keep their gates, or over some at a time with room for the gates of these."""
    count, batch, positions, size = features.shape
    rows = batch * positions
    own = features.reshape(count, rows, size)
    corrected = torch.empty_like(own)
    step = count if keep else min(count, max(1, ROWS_AT_A_TIME // max(1, rows)))
    gates = own.new_empty(step, rows, 4 * size)
    previous = None
    with torch.autocast(features.device.type, enabled=False):
        neighbours = neighbour_products(task.neighbour_weight, batch, positions)
        starts = range(0, count, step)
        for start in reversed(starts) if task.reverse else starts:
            part = slice(start, min(start + step, count))
            previous = _sweep_part(own[part], gates[: part.stop - start], corrected[part], previous, neighbours, task)
    return corrected.view(features.shape), gates if keep else gates.new_empty(0)


def _sweep_part(
    own: Tensor,
    gates: Tensor,
    corrected: Tensor,
    previous: Tensor | None,
    neighbours: NeighbourProducts,
    task: _Task,
) -> Tensor | None:
    """Write the gates and the corrected features of some lines, given the one before; return the last of them."""
    size = own.shape[2]
    gates[..., 3 * size :] = task.neighbour_bias[2 * size :]
    bias = task.own_bias.clone()
    bias[size:] += task.neighbour_bias[: 2 * size]
    torch.addmm(bias, own.flatten(0, 1), task.own_weight.t(), out=gates.flatten(0, 1)[:, : 3 * size])
    for line in task.lines(len(own)):
        if previous is None and not task.update_first_line:
            corrected[line] = own[line]
        else:
            if previous is not None:
                neighbours.add(gates[line, :, size:], previous)
            _open_gates(gates[line], own[line], corrected[line])
        previous = corrected[line]
    return previous


def _open_gates(gates: Tensor, own: Tensor, corrected: Tensor) -> None:
    """Turn the sums in a line's slots into r, z and n, in place, and write the line's corrected features."""
    size = own.shape[1]
    gates[:, size : 3 * size].sigmoid_()
    m, r, z, n = gates.chunk(4, 1)
    _tanh_(n.addcmul_(r, m))
    torch.lerp(n, own, z, out=corrected)


def _tanh_(values: Tensor) -> Tensor:
    """Take the hyperbolic tangent in place.

    On CPUs torch computes 2σ(2x) − 1 in half the time, 3 % of a sweep's; 16-bit numbers would lose what is near zero.
    """
    if values.device.type != "cpu" or values.dtype.itemsize < 4:
        return values.tanh_()
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def _sweep_backward(
    grad: Tensor, features: Tensor, corrected: Tensor, gates: Tensor, task: _Task
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Go back line by line, and take a line's part in all gradients while it is still in the processor's cache."""
    count, batch, positions, size = features.shape
    own, states = (tensor.reshape(count, batch * positions, size) for tensor in (features, corrected))
    grad_own = grad.clone(memory_format=torch.contiguous_format).view(own.shape)
    slots = torch.empty_like(gates[0])
    # Sums over thousands of positions: at least in float32.
    wide = torch.promote_types(grad.dtype, torch.float32)
    own_weight, bias = torch.zeros_like(task.own_weight, dtype=wide), grad.new_zeros(4 * size, dtype=wide)
    with torch.autocast(features.device.type, enabled=False):
        neighbours = neighbour_products(task.neighbour_weight, batch, positions)
        neighbour_weight = neighbours.start_gradient()
        order = task.lines(count)
        for line, before in zip(reversed(order), [*reversed(order[:-1]), None], strict=True):
            if before is None and not task.update_first_line:
                break
            _close_gates(grad_own[line], own[line], gates[line], slots)
            grad_own[line].addmm_(slots[:, : 3 * size], task.own_weight)
            add_product(own_weight, slots[:, : 3 * size].t(), own[line])
            bias += slots.sum(0, dtype=wide)
            if before is not None:
                neighbours.add_gradients(slots[:, size:], states[before], grad_own[before], neighbour_weight)
        return (
            grad_own.view(features.shape),
            own_weight.to(grad.dtype),
            bias[: 3 * size].to(grad.dtype, copy=True),
            neighbours.weight_gradient(neighbour_weight),
            bias[size:].to(grad.dtype, copy=True),
        )


def _close_gates(grad: Tensor, own: Tensor, gates: Tensor, slots: Tensor) -> None:
    """From the gradient of a line's corrected features, get those of its slots, and in place that of I through z·I."""
    m, r, z, n = gates.chunk(4, 1)
    grad_m, grad_r, grad_z, grad_n = slots.chunk(4, 1)
    scratch = torch.sub(own, n)
    SIGMOID_BACKWARD(scratch.mul_(grad), z, grad_input=grad_z)
    torch.mul(grad, z, out=scratch)
    TANH_BACKWARD(grad.sub_(scratch), n, grad_input=grad_n)
    grad.copy_(scratch)
    torch.mul(grad_n, r, out=grad_m)
    SIGMOID_BACKWARD(torch.mul(grad_n, m, out=scratch), r, grad_input=grad_r)


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
