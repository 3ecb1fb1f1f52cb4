"""The kernels for graphics cards compute what the path in torch's operations computes.

Where there is no graphics card, triton's interpreter runs them: numbers are then checked, barriers and types are not.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor

from latentia.layers import sweep_lines
from latentia.layers.sweep_lines import Cell

CARD = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CARD else "cpu")
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 4e-3}


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    pytest.importorskip("triton", reason="triton is not installed: it runs on Linux alone")
    return importlib.import_module("latentia.layers.sweep_triton")


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def cell_of(features: int, *, reverse: bool, update_first_line: bool = True) -> Cell:
    wide = {"dtype": torch.float64, "device": DEVICE}
    return Cell(
        own_weight=torch.randn(3 * features, features, **wide) / features**0.5,
        own_bias=torch.randn(3 * features, **wide),
        neighbour_weight=torch.randn(3, 3 * features, features, **wide) / (3 * features) ** 0.5,
        neighbour_bias=torch.randn(3 * features, **wide),
        reverse=reverse,
        update_first_line=update_first_line,
    )


def of_type(cell: Cell, dtype: torch.dtype) -> Cell:
    return Cell(**{name: value.to(dtype) if isinstance(value, Tensor) else value for name, value in vars(cell).items()})


def assert_agrees(kernels: ModuleType, maps: Tensor, cell: Cell, dtype: torch.dtype) -> None:
    """Compare features and all five gradients with those of float64, relative to the largest."""
    cell = of_type(of_type(cell, dtype), torch.float64)  # the same rounded weights for both
    maps = maps.to(dtype).double()
    grad = torch.randn_like(maps).to(dtype).double()
    corrected, gates = sweep_lines.sweep(maps, cell, keep=True)
    wanted = [corrected, *sweep_lines.sweep_backward(grad, maps, corrected, gates, cell)]
    maps, cell, grad = maps.to(dtype), of_type(cell, dtype), grad.to(dtype)
    corrected, gates = kernels.sweep(maps, cell, keep=True)
    given = [corrected, *kernels.sweep_backward(grad, maps, corrected, gates, cell)]
    for one, other in zip(given, wanted, strict=True):
        assert one.dtype == dtype
        assert (one - other).abs().max() <= TOLERANCES[dtype] * other.abs().max()
    without, nothing = kernels.sweep(maps, cell, keep=False)
    assert torch.equal(without, corrected)
    assert not nothing.numel()


@pytest.fixture
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of float32 in float32, as torch would do them."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("update_first_line", [True, False])
@pytest.mark.parametrize("size", [(4, 3, 5, 20), (1, 2, 3, 4), (3, 1, 18, 17), (2, 5, 1, 33)], ids=str)
def test_kernels_agree_with_the_path_in_torch(
    kernels: ModuleType, size: tuple[int, int, int, int], reverse: bool, update_first_line: bool
) -> None:
    cell = cell_of(size[3], reverse=reverse, update_first_line=update_first_line)
    assert_agrees(kernels, torch.randn(size, device=DEVICE).tanh(), cell, torch.float32)


@pytest.mark.usefixtures("_exact")
def test_programs_with_several_images_and_several_blocks_of_rows_agree(kernels: ModuleType) -> None:
    maps = torch.randn(2, 5, 70, 16, device=DEVICE).tanh()
    tiles = kernels.Tiles.of(maps, products=3)
    assert tiles.group > tiles.rows
    assert_agrees(kernels, maps, cell_of(16, reverse=True), torch.float32)


@pytest.mark.skipif(not CARD, reason="needs a graphics card: the interpreter knows no 16-bit arithmetic")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("size", [(16, 8, 16, 100), (32, 128, 32, 200)], ids=str)
def test_16_bit_kernels_agree_with_float64(
    kernels: ModuleType, size: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    assert_agrees(kernels, torch.randn(size, device=DEVICE).tanh(), cell_of(size[3], reverse=False), dtype)


def test_lines_of_a_single_image_that_are_too_long_are_left_to_torch(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_works", lambda device: True)
    assert kernels.serves(torch.zeros(1, 1, 64, 200))
    assert not kernels.serves(torch.zeros(1, 1, 300, 200))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert not kernels.serves(torch.zeros(1, 1, 64, 200))
    assert kernels.serves(torch.zeros(1, 1, 64, 200, dtype=torch.bfloat16))


def test_float64_and_empty_maps_are_left_to_torch(kernels: ModuleType) -> None:
    assert not kernels.serves(torch.zeros(1, 1, 1, 1, dtype=torch.float64))
    assert not kernels.serves(torch.zeros(0, 1, 1, 1))


def test_without_a_working_triton_sweeps_go_line_by_line(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __getitem__(self, grid: object) -> object:
            raise RuntimeError("no C compiler")

    monkeypatch.setattr(kernels, "probe_kernel", Broken())
    with pytest.warns(UserWarning, match="go line by line, since triton does not work on .*: no C compiler"):
        assert not kernels._works.__wrapped__(DEVICE)
