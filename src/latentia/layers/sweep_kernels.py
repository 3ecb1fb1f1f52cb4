"""The kernels of `latentia.layers.sweep_triton`: what one program does with its images, line after line.

A program has `group` rows of each line, those of whole images, from `start`. It works on blocks of ROWS × COLUMNS
and takes sums of INNER products at a time. Pointers are to the first line that the kernel reads or writes, and `line`
leads from a line to the next: positions per line, negative where lines are taken from the last to the first.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def sweep_kernel(
    own,
    gates,
    corrected,
    weight,
    count,
    rows,
    positions,
    line,
    group,
    KEEP: tl.constexpr,
    FEATURES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Correct all lines but the first. `weight` is (3, 3F, F); see `latentia.layers.sweep.correct` for the others."""
    start = tl.program_id(0) * group
    for _ in range(1, count):
        previous = corrected
        own += line * FEATURES
        corrected += line * FEATURES
        gates += line * 4 * FEATURES
        for offset in range(0, group, ROWS):
            row = start + offset + tl.arange(0, ROWS)
            inside = (offset + tl.arange(0, ROWS) < group) & (row < rows)
            for first in range(0, FEATURES, COLUMNS):
                column = first + tl.arange(0, COLUMNS)
                r, z, n = _hear(previous, weight, row, inside, positions, column, FEATURES, INNER, PRECISION)
                mask = inside[:, None] & (column < FEATURES)[None, :]
                slot = gates + row[:, None] * (4 * FEATURES) + column[None, :]
                feature = row[:, None] * FEATURES + column[None, :]
                m = tl.load(slot, mask=mask, other=0.0).to(tl.float32)
                r = tl.sigmoid(r + tl.load(slot + FEATURES, mask=mask, other=0.0))
                z = tl.sigmoid(z + tl.load(slot + 2 * FEATURES, mask=mask, other=0.0))
                n = n + tl.load(slot + 3 * FEATURES, mask=mask, other=0.0) + r * m
                n = 2 * tl.sigmoid(2 * n) - 1  # tanh
                here = tl.load(own + feature, mask=mask, other=0.0).to(tl.float32)
                tl.store(corrected + feature, n + z * (here - n), mask=mask)
                if KEEP:
                    tl.store(slot + FEATURES, r, mask=mask)
                    tl.store(slot + 2 * FEATURES, z, mask=mask)
                    tl.store(slot + 3 * FEATURES, n, mask=mask)
        tl.debug_barrier()  # the next line reads what this one wrote


@triton.jit
@no_type_check
def _hear(
    previous,
    weight,
    row,
    inside,
    positions,
    column,
    FEATURES: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Sum the products of r, z and n with the three neighbours in the line before."""
    blocks: tl.constexpr = (FEATURES + INNER - 1) // INNER
    position = row % positions
    r = tl.zeros((row.shape[0], column.shape[0]), tl.float32)
    z = tl.zeros((row.shape[0], column.shape[0]), tl.float32)
    n = tl.zeros((row.shape[0], column.shape[0]), tl.float32)
    for block in range(3 * blocks):
        neighbour = block // blocks
        inner = block % blocks * INNER + tl.arange(0, INNER)
        there = position + neighbour - 1
        exists = inside & (there >= 0) & (there < positions)
        heard = tl.load(
            previous + (row + neighbour - 1)[:, None] * FEATURES + inner[None, :],
            mask=exists[:, None] & (inner < FEATURES)[None, :],
            other=0.0,
        )
        place = weight + (neighbour * 3 * FEATURES + column[None, :]) * FEATURES + inner[:, None]
        mask = (inner < FEATURES)[:, None] & (column < FEATURES)[None, :]
        to_r = tl.load(place, mask=mask, other=0.0)
        to_z = tl.load(place + FEATURES * FEATURES, mask=mask, other=0.0)
        to_n = tl.load(place + 2 * FEATURES * FEATURES, mask=mask, other=0.0)
        r = tl.dot(heard, to_r, r, input_precision=PRECISION)
        z = tl.dot(heard, to_z, z, input_precision=PRECISION)
        n = tl.dot(heard, to_n, n, input_precision=PRECISION)
    return r, z, n


@triton.jit
@no_type_check
def sweep_backward_kernel(
    own,
    gates,
    grad,
    slots,
    weight,
    count,
    rows,
    positions,
    line,
    group,
    FEATURES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Go back from the last line to the second.

    On the way `grad`, the gradient of the corrected features, becomes that of the features by way of z·I, and `slots`
    the gradient of the sums in the slots. `weight` is (3, F, 3F).
    """
    start = tl.program_id(0) * group
    for _ in range(1, count):
        for offset in range(0, group, ROWS):
            row = start + offset + tl.arange(0, ROWS)
            inside = (offset + tl.arange(0, ROWS) < group) & (row < rows)
            for first in range(0, FEATURES, COLUMNS):
                _close(own, gates, grad, slots, row, inside, first + tl.arange(0, COLUMNS), FEATURES)
        tl.debug_barrier()  # what follows reads the slots of neighbours
        grad += line * FEATURES
        for offset in range(0, group, ROWS):
            row = start + offset + tl.arange(0, ROWS)
            inside = (offset + tl.arange(0, ROWS) < group) & (row < rows)
            for first in range(0, FEATURES, COLUMNS):
                column = first + tl.arange(0, COLUMNS)
                told = _tell(slots, weight, row, inside, positions, column, FEATURES, INNER, PRECISION)
                mask = inside[:, None] & (column < FEATURES)[None, :]
                target = grad + row[:, None] * FEATURES + column[None, :]
                tl.store(target, told + tl.load(target, mask=mask, other=0.0), mask=mask)
        tl.debug_barrier()  # the next line reads the gradient that this one summed
        own += line * FEATURES
        gates += line * 4 * FEATURES
        slots += line * 4 * FEATURES


@triton.jit
@no_type_check
def _close(own, gates, grad, slots, row, inside, column, FEATURES: tl.constexpr):
    """Do `latentia.layers.sweep_lines.close_gates` for a block of a line."""
    mask = inside[:, None] & (column < FEATURES)[None, :]
    slot = row[:, None] * (4 * FEATURES) + column[None, :]
    feature = row[:, None] * FEATURES + column[None, :]
    m = tl.load(gates + slot, mask=mask, other=0.0).to(tl.float32)
    r = tl.load(gates + slot + FEATURES, mask=mask, other=0.0).to(tl.float32)
    z = tl.load(gates + slot + 2 * FEATURES, mask=mask, other=0.0).to(tl.float32)
    n = tl.load(gates + slot + 3 * FEATURES, mask=mask, other=0.0).to(tl.float32)
    here = tl.load(own + feature, mask=mask, other=0.0).to(tl.float32)
    g = tl.load(grad + feature, mask=mask, other=0.0).to(tl.float32)
    to_n = g * (1 - z) * (1 - n * n)
    tl.store(slots + slot, to_n * r, mask=mask)
    tl.store(slots + slot + FEATURES, to_n * m * r * (1 - r), mask=mask)
    tl.store(slots + slot + 2 * FEATURES, g * (here - n) * z * (1 - z), mask=mask)
    tl.store(slots + slot + 3 * FEATURES, to_n, mask=mask)
    tl.store(grad + feature, g * z, mask=mask)


@triton.jit
@no_type_check
def _tell(
    slots,
    weight,
    row,
    inside,
    positions,
    column,
    FEATURES: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Sum what the three positions of the later line that heard a position say of its gradient."""
    blocks: tl.constexpr = (3 * FEATURES + INNER - 1) // INNER
    position = row % positions
    total = tl.zeros((row.shape[0], column.shape[0]), tl.float32)
    for block in range(3 * blocks):
        neighbour = block // blocks
        inner = block % blocks * INNER + tl.arange(0, INNER)
        there = position + 1 - neighbour
        exists = inside & (there >= 0) & (there < positions)
        told = tl.load(
            slots + (row + 1 - neighbour)[:, None] * (4 * FEATURES) + FEATURES + inner[None, :],
            mask=exists[:, None] & (inner < 3 * FEATURES)[None, :],
            other=0.0,
        )
        back = tl.load(
            weight + (neighbour * FEATURES + column[None, :]) * (3 * FEATURES) + inner[:, None],
            mask=(inner < 3 * FEATURES)[:, None] & (column < FEATURES)[None, :],
            other=0.0,
        )
        total = tl.dot(told, back, total, input_precision=PRECISION)
    return total


@triton.jit
@no_type_check
def probe_kernel(number):
    """Write 1: does triton work here at all?"""
    tl.store(number, 1.0)
