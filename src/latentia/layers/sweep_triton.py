"""A sweep on a graphics card: one kernel for all lines, because a launch for each would cost more than its arithmetic.

Lines wait for each other, images do not. So a program takes some whole images and goes through all lines with them;
what a line wrote is read by the next one behind a barrier of the program, and no program waits for another. Products
of all positions with themselves stand before the kernel, those for the weights' gradients after it, as one product
each. Sums are in float32, in whatever type features are. Layouts: see `latentia.layers.sweep`.

The layer stands where a convolution stood and is as exact as torch's convolutions are on such cards: products of
float32 are in TF32, unless `torch.backends.cudnn.allow_tf32` is off.
"""

from __future__ import annotations

import subprocess
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor
from triton.errors import TritonError

from latentia.layers.sweep_kernels import probe_kernel, sweep_backward_kernel, sweep_kernel
from latentia.layers.sweep_lines import Cell, close_gates, open_gates, write_own_products

TYPES = (torch.float32, torch.bfloat16, torch.float16)
MOST_WORK = {"tf32": 10_000_000, "ieee": 500_000}
"""Positions of a line in a program times features squared. Measured on an H100: above, a program by itself takes
longer for a line than all of torch's launches do. 16-bit products are as quick as TF32's or quicker."""


def serves(features: Tensor) -> bool:
    """Tell whether the kernels can sweep over these features, and sooner than torch's operations would.

    Not in float64, not where triton does not work, and not where a single image is so large that its one program is
    slower than all processors together.
    """
    if features.dtype not in TYPES or not features.numel() or not _works(features.device):
        return False
    precision = _precision() if features.dtype == torch.float32 else "tf32"
    return _images(features) * features.shape[2] * features.shape[3] ** 2 <= MOST_WORK[precision]


def sweep(features: Tensor, cell: Cell, *, keep: bool) -> tuple[Tensor, Tensor]:
    """Do `latentia.layers.sweep.correct`. Gates of all lines are in memory while it runs, kept or not."""
    count, batch, positions, size = features.shape
    own = features.reshape(count, batch * positions, size)
    gates, corrected = own.new_empty(*own.shape[:2], 4 * size), torch.empty_like(own)
    first, step = _start(count, cell)
    with torch.autocast(features.device.type, enabled=False), _launching(features):
        write_own_products(own, gates, cell)
        if cell.update_first_line:
            open_gates(gates[first], own[first], corrected[first])
        else:
            corrected[first] = own[first]
        tiles = Tiles.of(features, products=3)
        sweep_kernel[(tiles.programs,)](
            own[first],
            gates[first],
            corrected[first],
            cell.neighbour_weight.contiguous(),
            count,
            batch * positions,
            positions,
            step * batch * positions,
            KEEP=keep,
            FEATURES=size,
            **tiles.arguments,
        )
    return corrected.view(features.shape), gates if keep else gates.new_empty(0)


def sweep_backward(
    grad: Tensor, features: Tensor, corrected: Tensor, gates: Tensor, cell: Cell
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Do `latentia.layers.sweep.correct_backward`."""
    count, batch, positions, size = features.shape
    own = features.reshape(count, batch * positions, size)
    grad_own = grad.clone(memory_format=torch.contiguous_format).view(own.shape)
    slots = torch.empty_like(gates)
    first, step = _start(count, cell)
    last = count - 1 - first
    with torch.autocast(features.device.type, enabled=False), _launching(features):
        tiles = Tiles.of(features, products=1)
        sweep_backward_kernel[(tiles.programs,)](
            own[last],
            gates[last],
            grad_own[last],
            slots[last],
            cell.neighbour_weight.transpose(1, 2).contiguous(),
            count,
            batch * positions,
            positions,
            -step * batch * positions,
            FEATURES=size,
            **tiles.arguments,
        )
        if cell.update_first_line:
            close_gates(grad_own[first], own[first], gates[first], slots[first])
        else:
            slots[first] = 0
        by_position = slots.flatten(0, 1)
        grad_own.flatten(0, 1).addmm_(by_position[:, : 3 * size], cell.own_weight)
        bias = by_position.sum(0, dtype=torch.float32).to(grad.dtype)
        return (
            grad_own.view(features.shape),
            by_position[:, : 3 * size].t() @ own.flatten(0, 1),
            bias[: 3 * size].clone(),
            _neighbour_weight_gradient(slots.view(count, batch, positions, 4 * size), corrected, cell),
            bias[size:].clone(),
        )


def _start(count: int, cell: Cell) -> tuple[int, int]:
    """Give the line where a sweep starts, and the step from each line to the next."""
    return (count - 1, -1) if cell.reverse else (0, 1)


def _neighbour_weight_gradient(slots: Tensor, corrected: Tensor, cell: Cell) -> Tensor:
    """Multiply the gradients of all lines' slots with the lines before, for each of the three neighbours in turn."""
    later, before = (slots[:-1], corrected[1:]) if cell.reverse else (slots[1:], corrected[:-1])
    gradients = later[..., corrected.shape[3] :].flatten(0, 2).t()
    left, right = torch.zeros_like(before), torch.zeros_like(before)
    left[:, :, 1:] = before[:, :, :-1]
    right[:, :, :-1] = before[:, :, 1:]
    return torch.stack([gradients @ neighbour.flatten(0, 2) for neighbour in (left, before, right)])


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """How a sweep is cut: the images of a program, and the blocks of its products."""

    programs: int
    group: int
    """Rows of a line in a program, those of whole images."""
    rows: int
    columns: int
    inner: int
    stages: int
    warps: int
    precision: str

    @classmethod
    def of(cls, features: Tensor, *, products: int) -> Tiles:
        """Choose tiles, `products` being how many products share a block of the left side. Measured on an H100."""
        _, batch, positions, size = features.shape
        _, memory = _card(features.device)
        images, small = _images(features), features.element_size() < 4
        rows = min(64, max(16, triton.next_power_of_2(images * positions)))
        columns = min(64 if products > 1 else 256 if small else 128, max(16, triton.next_power_of_2(size)))
        inner = min(64 if small else 32, max(16, triton.next_power_of_2(size)))
        stage = (rows + products * columns) * inner * features.element_size()
        return cls(
            programs=-(-batch // images),
            group=images * positions,
            rows=rows,
            columns=columns,
            inner=inner,
            stages=max(1, min(3, memory // stage)),
            warps=8 if rows * columns >= 64 * 64 else 4,
            precision=_precision(),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """Name the kernels' arguments."""
        return {
            "group": self.group,
            "ROWS": self.rows,
            "COLUMNS": self.columns,
            "INNER": self.inner,
            "PRECISION": self.precision,
            "num_stages": self.stages,
            "num_warps": self.warps,
        }


def _precision() -> str:
    return "tf32" if torch.backends.cudnn.allow_tf32 else "ieee"


def _images(features: Tensor) -> int:
    """Images of a program: 16 positions, which the product units want, and no more programs than run at a time."""
    _, batch, positions, _ = features.shape
    processors, _ = _card(features.device)
    return int(min(batch, max(-(-16 // positions), -(-batch // processors))))


def _launching(tensor: Tensor) -> AbstractContextManager[None]:
    """Make the tensor's card the current one, on which triton launches."""
    return nullcontext() if tensor.device.type == "cpu" else torch.cuda.device(tensor.device)


@cache
def _card(device: torch.device) -> tuple[int, int]:
    """Give the number of processors, and the bytes that a program may share; any, for triton's interpreter."""
    if device.type == "cpu":
        return 2, 2**16
    card = torch.cuda.get_device_properties(device)
    return card.multi_processor_count, getattr(card, "shared_memory_per_block_optin", 48 * 1024) * 7 // 8


@cache
def _works(device: torch.device) -> bool:
    """Try triton once on a card: it needs a C compiler. Cards older than TF32, and other makers', are not tried."""
    if torch.version.hip is not None or (device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)):
        return False
    number = torch.zeros(1, device=device)
    try:
        with _launching(number):
            probe_kernel[(1,)](number)
    except (OSError, RuntimeError, subprocess.SubprocessError, TritonError) as problem:
        warnings.warn(f"Sweeps go line by line, since triton does not work on {device}: {problem}", stacklevel=2)
        return False
    return bool(number.item())
