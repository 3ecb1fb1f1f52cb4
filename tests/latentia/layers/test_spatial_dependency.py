"""The spatial dependency layer equals Algorithm 1, and reads exactly the positions that it may."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from latentia.layers.spatial_dependency import Correction, Direction, ResidualSpatialDependency, SpatialDependency
from latentia.layers.sweep import correct

LEFT_TO_RIGHT, RIGHT_TO_LEFT, TOP_TO_BOTTOM, BOTTOM_TO_TOP = Direction
ORDERS = [order for count in range(1, 5) for order in itertools.permutations(Direction, count)]
STEPS = {LEFT_TO_RIGHT: (0, 1), RIGHT_TO_LEFT: (0, -1), TOP_TO_BOTTOM: (1, 0), BOTTOM_TO_TOP: (-1, 0)}
"""One step of a sweep: rows, columns."""


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def randomised(layer: SpatialDependency) -> SpatialDependency:
    """Give every parameter a value of its own, biases too, and large enough for the gates to leave one half."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.7)
    return layer.double()


def visits(direction: Direction, height: int, width: int) -> list[tuple[int, int]]:
    """Positions in the order in which a sweep may take them."""
    rows, columns = STEPS[direction]
    order = list(itertools.product(range(height), range(width)))
    return sorted(order, key=lambda position: rows * position[0] + columns * position[1])


def neighbours(direction: Direction, row: int, column: int) -> list[tuple[int, int]]:
    """The three positions of the line before, in the order j − 1, j, j + 1."""
    rows, columns = STEPS[direction]
    if rows:
        return [(row - rows, column + side) for side in (-1, 0, 1)]
    return [(row + side, column - columns) for side in (-1, 0, 1)]


def algorithm_1(features: dict[tuple[int, int], Tensor], cell: Correction, size: tuple[int, int]) -> None:
    """Correct each position by itself, as the thesis writes it, W^{r1} … W^{n4} being blocks of the cell's weights."""
    m1, r1, z1 = cell.own_weight.chunk(3)
    bias_m, bias_r1, bias_z1 = cell.own_bias.chunk(3)
    bias_r, bias_z, bias_n = cell.neighbour_bias.chunk(3)
    for row, column in visits(cell.direction, *size):
        before = neighbours(cell.direction, row, column)
        if before[1] not in features and not cell.update_first_line:
            continue
        own = features[row, column]
        zeros = torch.zeros_like(own)
        r, z, n = bias_r, bias_z, bias_n
        for position, weight in zip(before, cell.neighbour_weight, strict=True):
            there = features.get(position, zeros)
            r_k, z_k, n_k = weight.chunk(3)
            r, z, n = r + r_k @ there, z + z_k @ there, n + n_k @ there
        r = torch.sigmoid(r1 @ own + bias_r1 + r)
        z = torch.sigmoid(z1 @ own + bias_z1 + z)
        n = torch.tanh(r * (m1 @ own + bias_m) + n)
        features[row, column] = z * own + (1 - z) * n


def naive(layer: SpatialDependency, image: Tensor) -> Tensor:
    """The layer, one image and one position after the other."""
    height, width = layer.project_in(image).shape[2:]
    outputs = []
    for one in layer.project_in(image).tanh():
        features = {(row, column): one[:, row, column] for row in range(height) for column in range(width)}
        for correction in layer.corrections:
            assert isinstance(correction, Correction)
            algorithm_1(features, correction, (height, width))
        rows = [torch.stack([features[row, column] for column in range(width)], 1) for row in range(height)]
        outputs.append(torch.stack(rows, 1))
    return layer.project_out(torch.stack(outputs))


def assert_same_with_gradients(layer: SpatialDependency, image: Tensor, tolerance: float = 1e-10) -> None:
    """Compare output and the gradients of the input and of every parameter with the naive loop's."""
    image = image.clone().requires_grad_()
    given, wanted = layer(image), naive(layer, image)
    assert (given - wanted).abs().max() < tolerance
    weights = torch.randn_like(wanted)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    ours = torch.autograd.grad(given, (image, *parameters), weights)
    theirs = torch.autograd.grad(wanted, (image, *parameters), weights, materialize_grads=True)
    for name, one, other in zip(("input", *names), ours, theirs, strict=True):
        assert (one - other).abs().max() < tolerance, name


@pytest.mark.parametrize("directions", ORDERS, ids=lambda order: "-".join(one.name for one in order))
def test_every_set_and_order_of_directions_equals_the_naive_loop(directions: tuple[Direction, ...]) -> None:
    layer = randomised(SpatialDependency(2, 3, features=3, directions=directions))
    assert_same_with_gradients(layer, torch.randn(2, 2, 3, 4, dtype=torch.float64))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 7), (7, 2)], ids=str)
@pytest.mark.parametrize("update_first_line", [True, False])
def test_any_height_and_width_equals_the_naive_loop(size: tuple[int, int], update_first_line: bool) -> None:
    layer = randomised(SpatialDependency(2, 2, features=3, update_first_line=update_first_line))
    assert_same_with_gradients(layer, torch.randn(1, 2, *size, dtype=torch.float64))


@pytest.mark.parametrize(
    "projection", [{"kernel_size": 3}, {"stride": 2}, {"upsample": True}, {"recompute": True}], ids=str
)
def test_every_way_to_project_in_equals_the_naive_loop(projection: dict[str, int]) -> None:
    layer = randomised(SpatialDependency(2, 3, features=2, directions=[BOTTOM_TO_TOP, LEFT_TO_RIGHT], **projection))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        image = torch.randn(2, 2, 4, 6, dtype=torch.float64).contiguous(memory_format=memory_format)
        assert_same_with_gradients(layer, image)


def test_without_the_first_line_a_sweep_starts_from_what_it_was_given() -> None:
    layer = randomised(SpatialDependency(2, 3, features=4, directions=[TOP_TO_BOTTOM], update_first_line=False))
    image = torch.randn(2, 2, 3, 5, dtype=torch.float64)
    projected = layer.project_out(layer.project_in(image).tanh())
    same = torch.isclose(layer(image), projected, rtol=0, atol=1e-12).all(dim=(0, 1))
    assert same.tolist() == [[True] * 5, [False] * 5, [False] * 5]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_the_gradient_of_a_sweep_agrees_with_finite_differences(reverse: bool, keep: bool) -> None:
    shapes = [(3, 2, 2, 2), (6, 2), (6,), (3, 6, 2), (6,)]
    tensors = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda *inputs: correct(*inputs, reverse, True, keep)[0], tensors)


def read_by(directions: tuple[Direction, ...], target: tuple[int, int], size: tuple[int, int]) -> set[tuple[int, int]]:
    """The input positions that an output position may depend on: back through the sweeps, each a cone of lines."""
    inside = set(itertools.product(range(size[0]), range(size[1])))
    reached = {target}
    for direction in reversed(directions):
        rows, columns = STEPS[direction]
        reached = inside & {
            (row - lines * rows + side * columns, column - lines * columns + side * rows)
            for row, column in reached
            for lines in range(max(size))
            for side in range(-lines, lines + 1)
        }
    return reached


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("target", [(0, 0), (1, 2), (3, 4)])
def test_an_output_reads_exactly_the_positions_that_its_sweeps_reach(count: int, target: tuple[int, int]) -> None:
    size = (4, 5)
    for first in range(4):
        directions = tuple(list(Direction)[(first + place) % 4] for place in range(count))
        layer = randomised(SpatialDependency(2, 2, features=3, directions=directions))
        image = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(layer(image)[0, :, *target].sum(), image)
        read = {(row, column) for row, column in gradient[0].abs().sum(0).nonzero().tolist()}
        assert read == read_by(directions, target, size)
    assert count < 4 or read == set(itertools.product(range(4), range(5)))


@pytest.mark.parametrize("direction", list(Direction))
def test_the_four_directions_are_flips_and_transposes_of_one_sweep(direction: Direction) -> None:
    image = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    forwards = randomised(SpatialDependency(3, 2, features=4, directions=[TOP_TO_BOTTOM]))
    other = SpatialDependency(3, 2, features=4, directions=[direction]).double()
    other.load_state_dict(forwards.state_dict())
    turned = image.transpose(2, 3) if direction.horizontal else image
    expected = forwards(turned.flip(2)).flip(2) if direction.reverse else forwards(turned)
    expected = expected.transpose(2, 3) if direction.horizontal else expected
    assert torch.allclose(other(image), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", [SpatialDependency, ResidualSpatialDependency])
def test_a_batch_gives_what_its_images_give_alone(kind: type[nn.Module]) -> None:
    layer = kind(3, 4, features=5, kernel_size=3).double()
    images = torch.randn(3, 3, 4, 6, dtype=torch.float64)
    alone = torch.cat([layer(image[None]) for image in images])
    assert torch.allclose(layer(images), alone, rtol=0, atol=1e-13)
    assert layer(images[:0]).shape == (0, 4, 4, 6)


def test_the_gate_of_the_residual_form_chooses_between_its_paths() -> None:
    layer = ResidualSpatialDependency(2, 3, features=4, kernel_size=3)
    image = torch.randn(2, 2, 4, 4)
    bias = layer.sdn.project_out.bias
    assert bias is not None
    with torch.no_grad():
        bias[3:] = 60.0
        assert torch.allclose(layer(image), layer.convolution(image), atol=1e-6)
        bias[3:] = -60.0
        assert torch.allclose(layer(image), layer.sdn(image)[:, :3], atol=1e-6)
        bias[3:] = 0.3
        output, gate = layer.sdn(image).chunk(2, 1)
        mixed = gate.sigmoid() * layer.convolution(image) + (1 - gate.sigmoid()) * output
        assert torch.allclose(layer(image), mixed, atol=1e-6)
