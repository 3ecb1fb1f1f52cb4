"""A sweep line by line, in torch's own operations: on every device, in every type.

Features lie as (lines, batch, positions, features). A position's gates share a row of four slots, [m, r, z, n]; see
`latentia.layers.sweep`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latentia.layers.neighbours import NeighbourProducts, add_product, neighbour_products

SIGMOID_BACKWARD = torch.ops.aten.sigmoid_backward.grad_input
TANH_BACKWARD = torch.ops.aten.tanh_backward.grad_input

ROWS_AT_A_TIME = 1024
"""Where gates are not kept: enough rows for an efficient product, few enough to stay in a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Weights of a cell, and how to sweep; see `latentia.layers.sweep.correct`."""

    own_weight: Tensor
    own_bias: Tensor
    neighbour_weight: Tensor
    neighbour_bias: Tensor
    reverse: bool
    update_first_line: bool

    def lines(self, count: int) -> list[int]:
        """Indices of the lines in the order of the sweep."""
        return list(range(count - 1, -1, -1) if self.reverse else range(count))


def sweep(features: Tensor, cell: Cell, *, keep: bool) -> tuple[Tensor, Tensor]:
    """Sweep over all lines at once, to keep their gates, or over some at a time with room for the gates of these."""
    count, batch, positions, size = features.shape
    rows = batch * positions
    own = features.reshape(count, rows, size)
    corrected = torch.empty_like(own)
    step = count if keep else min(count, max(1, ROWS_AT_A_TIME // max(1, rows)))
    gates = own.new_empty(step, rows, 4 * size)
    previous = None
    with torch.autocast(features.device.type, enabled=False):
        neighbours = neighbour_products(cell.neighbour_weight, batch, positions)
        starts = range(0, count, step)
        for start in reversed(starts) if cell.reverse else starts:
            part = slice(start, min(start + step, count))
            previous = _sweep_part(own[part], gates[: part.stop - start], corrected[part], previous, neighbours, cell)
    return corrected.view(features.shape), gates if keep else gates.new_empty(0)


def _sweep_part(
    own: Tensor,
    gates: Tensor,
    corrected: Tensor,
    previous: Tensor | None,
    neighbours: NeighbourProducts,
    cell: Cell,
) -> Tensor | None:
    """Write the gates and the corrected features of some lines, given the one before; return the last of them."""
    size = own.shape[2]
    write_own_products(own, gates, cell)
    for line in cell.lines(len(own)):
        if previous is None and not cell.update_first_line:
            corrected[line] = own[line]
        else:
            if previous is not None:
                neighbours.add(gates[line, :, size:], previous)
            open_gates(gates[line], own[line], corrected[line])
        previous = corrected[line]
    return previous


def write_own_products(own: Tensor, gates: Tensor, cell: Cell) -> None:
    """Write what is known of the slots of all lines before the sweep: the features' own products, and all biases."""
    size = own.shape[2]
    gates[..., 3 * size :] = cell.neighbour_bias[2 * size :]
    bias = cell.own_bias.clone()
    bias[size:] += cell.neighbour_bias[: 2 * size]
    torch.addmm(bias, own.flatten(0, 1), cell.own_weight.t(), out=gates.flatten(0, 1)[:, : 3 * size])


def open_gates(gates: Tensor, own: Tensor, corrected: Tensor) -> None:
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


def sweep_backward(
    grad: Tensor, features: Tensor, corrected: Tensor, gates: Tensor, cell: Cell
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Go back line by line, and take a line's part in all gradients while it is still in the processor's cache."""
    count, batch, positions, size = features.shape
    own, states = (tensor.reshape(count, batch * positions, size) for tensor in (features, corrected))
    grad_own = grad.clone(memory_format=torch.contiguous_format).view(own.shape)
    slots = torch.empty_like(gates[0])
    # Sums over thousands of positions: at least in float32.
    wide = torch.promote_types(grad.dtype, torch.float32)
    own_weight, bias = torch.zeros_like(cell.own_weight, dtype=wide), grad.new_zeros(4 * size, dtype=wide)
    with torch.autocast(features.device.type, enabled=False):
        neighbours = neighbour_products(cell.neighbour_weight, batch, positions)
        neighbour_weight = neighbours.start_gradient()
        order = cell.lines(count)
        for line, before in zip(reversed(order), [*reversed(order[:-1]), None], strict=True):
            if before is None and not cell.update_first_line:
                break
            close_gates(grad_own[line], own[line], gates[line], slots)
            grad_own[line].addmm_(slots[:, : 3 * size], cell.own_weight)
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


def close_gates(grad: Tensor, own: Tensor, gates: Tensor, slots: Tensor) -> None:
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
