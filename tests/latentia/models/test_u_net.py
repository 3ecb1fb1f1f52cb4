"""U-Nets: sizes, numbers of parameters, which pixels may depend on which, gradients."""

from __future__ import annotations

import itertools

import pytest
import torch

from latentia.errors import SettingError
from latentia.layers.segmentation_block import DependencyConfig
from latentia.layers.spatial_dependency import ResidualSpatialDependency, SpatialDependency
from latentia.models.base import SegmentationModel
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig

Config = UNetConfig | NestedUNetConfig
SMALL = DependencyConfig(features=6, layers=2)
RESIDUAL = DependencyConfig(features=6, layers=1, residual=True)
CONFIGS: dict[str, Config] = {
    "U-Net": UNetConfig(widths=(4, 6, 8)),
    "SDU-Net": UNetConfig(widths=(4, 6, 8), sdn=SMALL),
    "residual SDU-Net": UNetConfig(widths=(4, 6, 8), sdn=RESIDUAL),
    "U-Net++": NestedUNetConfig(widths=(4, 6, 8)),
    "U-Net++ with one output": NestedUNetConfig(widths=(4, 6, 8), deep_supervision=False),
    "SDNU-Net": NestedUNetConfig(widths=(4, 6, 8), sdn=SMALL),
    "residual SDNU-Net": NestedUNetConfig(widths=(4, 6, 8), sdn=RESIDUAL),
}


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@pytest.mark.parametrize("size", [(16, 16), (13, 22), (3, 5), (1, 9)])
def test_a_mask_has_the_size_of_its_image(config: Config, size: tuple[int, int]) -> None:
    model = config.build(3).eval()
    images = torch.rand(2, 3, *size)
    assert all(logits.shape == (2, 1, *size) for logits in model(images))
    probabilities = model.probabilities(images)
    assert probabilities.shape == (2, 1, *size)
    assert 0 <= probabilities.min() <= probabilities.max() <= 1


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_every_parameter_gets_a_gradient(config: Config) -> None:
    torch.manual_seed(0)
    model = config.build(1)
    sum(logits.square().mean() for logits in model(torch.rand(4, 1, 16, 24))).backward()
    assert not [name for name, one in model.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_images_of_a_batch_know_nothing_of_each_other_in_evaluation(config: Config) -> None:
    model = config.build(1).eval()
    images = torch.rand(3, 1, 12, 20)
    one_by_one = torch.cat([model.probabilities(image[None]) for image in images])
    torch.testing.assert_close(model.probabilities(images), one_by_one)


def test_an_output_of_each_nested_network_is_trained_with_deep_supervision() -> None:
    images = torch.rand(2, 1, 8, 8)
    assert len(CONFIGS["U-Net++"].build(1)(images)) == 2
    assert len(CONFIGS["U-Net++ with one output"].build(1)(images)) == 1


def plain_parameters(channels: int, widths: tuple[int, ...]) -> int:
    """Count by hand: blocks of two 3×3 convolutions without bias and batch norms, 2×2 transposed ones, the head."""

    def block(inputs: int, outputs: int) -> int:
        return 9 * inputs * outputs + 9 * outputs**2 + 4 * outputs

    down = sum(block(*pair) for pair in zip((channels, *widths), widths, strict=False))
    up = sum(block(2 * fine, fine) + 4 * coarse * fine + fine for fine, coarse in itertools.pairwise(widths))
    return down + up + widths[0] + 1


@pytest.mark.parametrize("widths", [(4, 6, 8), (64, 128, 256, 512, 1024)])
def test_a_u_net_has_the_parameters_that_are_counted_by_hand(widths: tuple[int, ...]) -> None:
    with torch.device("meta"):
        assert count(UNetConfig(widths=widths).build(1)) == plain_parameters(1, widths)


def test_sizes_at_the_published_widths() -> None:
    """U-Net's 31.0 M is what it has everywhere; the others are what our reading of Table A.7 gives."""
    sdn = DependencyConfig()
    configs: dict[str, Config] = {
        "U-Net": UNetConfig(),
        "SDU-Net": UNetConfig(sdn=sdn),
        "U-Net++": NestedUNetConfig(),
        "SDNU-Net": NestedUNetConfig(sdn=sdn),
    }
    with torch.device("meta"):
        millions = {name: round(count(config.build(1)) / 1e6, 2) for name, config in configs.items()}
    assert millions == {"U-Net": 31.04, "SDU-Net": 21.92, "U-Net++": 9.05, "SDNU-Net": 9.84}


def layers_of(model: SegmentationModel) -> list[str]:
    kinds = (SpatialDependency, ResidualSpatialDependency)
    return [name for name, module in model.named_modules() if isinstance(module, kinds) and "sdn" not in name]


def test_spatial_dependency_layers_are_at_the_lowest_scales_alone() -> None:
    assert layers_of(CONFIGS["SDU-Net"].build(1)) == ["encoder.1.3", "encoder.2.3", "decoder.0.3", "decoder.1.3"]
    assert layers_of(CONFIGS["residual SDNU-Net"].build(1)) == ["encoder.2.3", "blocks.1-1.3"]


def test_with_spatial_dependency_a_corner_depends_on_the_opposite_one() -> None:
    """What convolutions alone see around a pixel ends before."""
    torch.manual_seed(0)
    images = torch.rand(1, 1, 48, 48, dtype=torch.float64)
    changed = images.clone()
    changed[..., -8:, -8:] += 10
    for name, reaches in (("U-Net", False), ("SDU-Net", True)):
        model = CONFIGS[name].build(1).double().eval()
        before, after = (model(one)[0][..., :4, :4] for one in (images, changed))
        assert bool((before != after).any()) is reaches, name


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UNetConfig(widths=(8,)), "at least two numbers"),
        (lambda: NestedUNetConfig(widths=(8, 0)), "from 1 up"),
        (lambda: UNetConfig(widths=(4, 8), sdn=DependencyConfig()), "below the number of scales, 2"),
        (lambda: DependencyConfig(features=0), "sdn.features must be 1 or more; it is 0"),
        (lambda: DependencyConfig(directions=5), "directions must be 1 to 4; it is 5"),
        (lambda: DependencyConfig(kernel_size=2), "must be odd; it is 2"),
    ],
)
def test_settings_that_make_no_network_are_refused(make: object, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        make()  # type: ignore[operator]
