"""The spatial dependency layer goes where a convolution goes: sizes, dtypes, compilation, export, determinism."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from latentia.errors import SettingError
from latentia.layers.spatial_dependency import (
    AlternatingDirections,
    Correction,
    Direction,
    ResidualSpatialDependency,
    SpatialDependency,
)
from latentia.layers.sweep import correct, correct_backward

KINDS = [SpatialDependency, ResidualSpatialDependency]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def gradients(layer: nn.Module, image: Tensor) -> list[Tensor]:
    """Gradients of the input and of every parameter, for one fixed function of the output."""
    image = image.detach().requires_grad_()
    output = layer(image)
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape).to(output)
    return list(torch.autograd.grad((output * weights).sum(), (image, *layer.parameters())))


def parameters(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def test_parameter_counts_are_those_of_the_published_table() -> None:
    """Thesis A, Table A.2, at 200 filters."""
    layers = [SpatialDependency(200, 200, features=200, directions=list(Direction)[:count]) for count in (1, 2)]
    counts = {
        "3x3CNN": parameters(nn.Conv2d(200, 200, 3, padding=1)),
        "5x5CNN": parameters(nn.Conv2d(200, 200, 5, padding=2)),
        "Project phase": parameters(layers[0].project_in),
        "SDN cell": parameters(layers[0].corrections[0]),
        "1dir-SDN": parameters(layers[0]),
        "2dir-SDN": parameters(layers[1]),
    }
    published = (360200, 1000200, 40200, 481200, 561600, 1042800)
    assert tuple(counts.values()) == published
    assert parameters(layers[0].project_out) == 40200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "convolution"),
    [
        ({}, nn.Conv2d(3, 4, 1)),
        ({"kernel_size": 3}, nn.Conv2d(3, 4, 3, padding=1)),
        ({"kernel_size": 5}, nn.Conv2d(3, 4, 5, padding=2)),
        ({"stride": 2}, nn.Conv2d(3, 4, 4, stride=2, padding=1)),
        ({"upsample": True}, nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1)),
        ({"upsample": True, "kernel_size": 2}, nn.ConvTranspose2d(3, 4, 2, stride=2)),
    ],
    ids=str,
)
def test_the_output_has_the_shape_of_the_convolution_it_replaces(
    kind: type[nn.Module], settings: dict[str, int], convolution: nn.Module
) -> None:
    layer = kind(3, 4, features=5, directions=[Direction.LEFT_TO_RIGHT], **settings)
    for size in ((6, 4), (8, 8), (5, 7)):
        image = torch.randn(2, 3, *size)
        assert layer(image).shape == convolution(image).shape


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_keeps_the_memory_format_of_the_input(kind: type[nn.Module]) -> None:
    layer, image = kind(3, 4, features=5), torch.randn(2, 3, 4, 6)
    plain = layer(image)
    assert plain.is_contiguous()
    last = layer.to(memory_format=torch.channels_last)(image.contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(plain, last, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_and_the_input_get_a_gradient(kind: type[nn.Module]) -> None:
    layer = kind(3, 4, features=5)
    for name, gradient in zip(
        ("input", *dict(layer.named_parameters())), gradients(layer, torch.randn(2, 3, 4, 4)), strict=True
    ):
        assert gradient.abs().max() > 0, name


def test_computing_the_gates_again_gives_the_same_numbers_and_keeps_a_third() -> None:
    stored, again = (SpatialDependency(3, 3, features=8, recompute=recompute) for recompute in (False, True))
    again.load_state_dict(stored.state_dict())
    image = torch.randn(2, 3, 6, 5)
    for one, other in zip(gradients(stored, image), gradients(again, image), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(stored(image), again(image))
    assert kept_numbers(again, image) < 0.4 * kept_numbers(stored, image)


def kept_numbers(layer: nn.Module, image: Tensor) -> int:
    """How many activations autograd keeps, each counted once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in layer.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and storage.nbytes():
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = layer(image)
    assert output.requires_grad
    return sum(kept.values())


def test_memory_grows_with_the_map_and_not_faster() -> None:
    layer = SpatialDependency(3, 3, features=8, directions=[Direction.TOP_TO_BOTTOM])
    small, large = (kept_numbers(layer, torch.randn(2, 3, rows, 8)) for rows in (8, 32))
    assert large <= 4 * small


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_gradients_are_close_because_sums_are_wide(dtype: torch.dtype) -> None:
    layer = SpatialDependency(3, 3, features=16, directions=[Direction.TOP_TO_BOTTOM]).to(dtype)
    image = torch.randn(8, 3, 16, 16, dtype=dtype)
    low = gradients(layer, image)
    for one, exact in zip(low, gradients(layer.double(), image.double()), strict=True):
        assert one.dtype == dtype
        assert (one.double() - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_computes_in_low_precision_and_gives_gradients_in_full(kind: type[nn.Module]) -> None:
    layer, image = kind(3, 4, features=8), torch.randn(2, 3, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(image)
        low = gradients(layer, image)
    assert output.dtype == torch.bfloat16
    assert (output - layer(image)).abs().max() < 0.05
    for one, full in zip(low, gradients(layer, image), strict=True):
        assert one.dtype == torch.float32
        assert (one - full).norm() < 0.1 * full.norm()


def test_two_runs_agree_in_every_bit_under_deterministic_algorithms() -> None:
    layer, image = ResidualSpatialDependency(3, 4, features=8, kernel_size=3), torch.randn(4, 3, 8, 8)
    torch.use_deterministic_algorithms(True)
    try:
        for one, other in zip(gradients(layer, image), gradients(layer, image), strict=True):
            assert torch.equal(one, other)
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_operators_keep_the_rules_of_the_library_they_are_in() -> None:
    features = torch.randn(3, 2, 2, 4, requires_grad=True)
    cell = Correction(4, Direction.TOP_TO_BOTTOM)
    weights = (cell.own_weight, cell.own_bias, cell.neighbour_weight, cell.neighbour_bias)
    for keep in (True, False):
        torch.library.opcheck(correct, (features, *weights, True, True, keep))
        with torch.no_grad():
            corrected, gates = correct(features, *weights, True, True, keep)
            grad = torch.randn_like(corrected)
            torch.library.opcheck(correct_backward, (grad, features, corrected, gates, *weights, True, True))


def test_compilation_and_export_see_one_node_per_sweep_and_give_the_same_numbers() -> None:
    """In a process of its own, because torch traces the checks of shapes that tests switch on."""
    code = """
import torch
from latentia.layers.spatial_dependency import ResidualSpatialDependency
torch.manual_seed(0)
layer = ResidualSpatialDependency(3, 4, features=5, kernel_size=3)
image = torch.randn(2, 3, 4, 6, requires_grad=True)
inputs = (image, *layer.parameters())
compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
for autocast in (False, True):
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        outputs = [run(image) for run in (layer, compiled)]
    assert torch.equal(*outputs)
    for one, other in zip(*(torch.autograd.grad(output.float().sum(), inputs) for output in outputs), strict=True):
        assert torch.equal(one, other)
sizes = {place: torch.export.Dim.DYNAMIC for place in (0, 2, 3)}
program = torch.export.export(layer, (torch.randn(2, 3, 4, 6),), dynamic_shapes=(sizes,))
assert sum("latentia.correct" in str(node.target) for node in program.graph.nodes) == 4
for shape in ((3, 3, 7, 5), (2, 3, 9, 2)):
    image = torch.randn(shape)
    assert torch.allclose(program.module()(image), layer(image), atol=1e-6)
print("the same")
"""
    printed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert printed.stdout.strip() == "the same", printed.stderr[-2000:]


def test_a_second_derivative_is_refused_in_a_sentence() -> None:
    layer, image = SpatialDependency(2, 2, features=3), torch.randn(1, 2, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(image).sum(), image, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivatives alone"):
        gradient.sum().backward()


def test_projections_take_weight_normalisation() -> None:
    layer = ResidualSpatialDependency(2, 3, features=4)
    image = torch.randn(2, 2, 3, 4)
    before = layer(image)
    for convolution in (layer.sdn.project_in, layer.sdn.project_out, layer.convolution):
        weight_norm(convolution)
    assert torch.allclose(layer(image), before, atol=1e-6)
    assert all(gradient.abs().max() > 0 for gradient in gradients(layer, image))


def test_gates_start_near_one_half_and_biases_at_zero() -> None:
    cell = Correction(64, Direction.TOP_TO_BOTTOM)
    assert not cell.own_bias.any()
    assert not cell.neighbour_bias.any()
    features = torch.empty(4, 4, 8, 64).uniform_(-1, 1)
    weights = (cell.own_weight, cell.own_bias, cell.neighbour_weight, cell.neighbour_bias)
    _, gates = correct(features, *weights, False, True, True)
    assert 0.1 < gates[..., 64:192].min() < gates[..., 64:192].max() < 0.9


def test_successive_layers_take_the_next_directions_in_turn() -> None:
    left_right, right_left, top_down, bottom_up = Direction
    directions = AlternatingDirections()
    assert directions.take(2) == (left_right, right_left)
    assert directions.take(2) == (top_down, bottom_up)
    assert directions.take(3) == (left_right, right_left, top_down)
    assert directions.take(4) == (bottom_up, left_right, right_left, top_down)


@pytest.mark.parametrize("count", [0, 5])
def test_a_layer_of_none_or_more_than_all_directions_is_refused(count: int) -> None:
    with pytest.raises(SettingError, match=f"1 to 4 directions, not {count}"):
        AlternatingDirections().take(count)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"features": 0}, "3 input and 4 output channels and 0 features"),
        ({"directions": ()}, "at least one direction"),
        ({"kernel_size": 4}, "stride 1 wants an odd kernel, not 4"),
        ({"stride": 2, "kernel_size": 3}, "stride 2 wants an even kernel, not 3"),
        ({"upsample": True, "kernel_size": 3}, "stride 2 wants an even kernel, not 3"),
        ({"upsample": True, "stride": 2}, "either a stride or upsample"),
        ({"kernel_size": 0}, "it got kernel 0"),
    ],
    ids=str,
)
def test_sizes_that_make_no_layer_are_refused_in_a_sentence(settings: dict[str, int], sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        SpatialDependency(3, 4, **{"features": 5, **settings})
