from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.layers.masked_convolution import MaskedConvolution
from latentia.layers.spatial_dependency import Direction, ResidualSpatialDependency
from latentia.models.ladder_vae import LadderVAE, LadderVAEConfig, SpatialDependencyConfig
from latentia.objectives import elbo
from latentia.randomness import seeded

COLOUR = ImageFormat(channels=3, height=8, width=8)
IAF = LadderVAEConfig(layers=(2, 1), channels=6, latent_channels=2, flow_channels=4, components=2)
SDN = replace(IAF, sdn=SpatialDependencyConfig(features=(5, 4)))
CONFIGURATIONS = {
    "IAF-VAE+": IAF,
    "SDN-VAE": SDN,
    "Gaussian posterior": replace(IAF, flow_channels=0),
    "finest scale without layers": replace(SDN, layers=(2, 2, 0), sdn=SpatialDependencyConfig(features=(4, 4, 3))),
    "SDN at the coarse scale alone": replace(IAF, sdn=SpatialDependencyConfig(features=(5, 0))),
    "recomputed": replace(SDN, recompute=True),
}


def make(config: LadderVAEConfig, image_format: ImageFormat = COLOUR, seed: int = 0) -> LadderVAE:
    torch.manual_seed(seed)
    return config.build(image_format)


def images_of(image_format: ImageFormat, count: int = 3) -> torch.Tensor:
    values = torch.randint(
        image_format.levels, (count, *image_format.shape), generator=torch.Generator().manual_seed(1)
    )
    return values.to(torch.uint8)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_parameter_gets_a_gradient_from_the_bound(name: str) -> None:
    model = make(CONFIGURATIONS[name])
    nn.init.normal_(model.top)  # the zeros of the start give the first layer's weights no gradient
    terms = model(images_of(COLOUR))
    assert terms.divergence.shape == (3, sum(CONFIGURATIONS[name].layers))
    elbo(terms.log_likelihood, terms.divergence).mean().backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_latents_have_the_shapes_that_the_model_says_top_first(name: str) -> None:
    model = make(CONFIGURATIONS[name])
    inference = model.infer(images_of(COLOUR))
    assert tuple(tuple(latent.shape[1:]) for latent in inference.latents) == model.latent_shapes
    assert [shape[1] for shape in model.latent_shapes] == sorted(shape[1] for shape in model.latent_shapes)
    generated = model.generate(2)
    assert tuple(tuple(latent.shape[1:]) for latent in generated.latents) == model.latent_shapes


def test_what_was_inferred_generates_the_same_distribution() -> None:
    model = make(SDN).double()
    images = images_of(COLOUR)
    inference = model.infer(images)
    again = model.generate(3, inference.latents).likelihood
    assert torch.allclose(again.log_prob(images), inference.likelihood.log_prob(images), atol=1e-9)


def test_given_layers_are_kept_and_those_below_are_drawn() -> None:
    model = make(IAF)
    first = model.generate(2)
    second = model.generate(2, first.latents[:2])
    assert torch.equal(first.latents[0], second.latents[0])
    assert torch.equal(first.latents[1], second.latents[1])
    assert not torch.equal(first.latents[2], second.latents[2])


def test_temperature_zero_draws_the_same_image_each_time() -> None:
    model = make(SDN)
    cold = model.generate(2, temperature=0.0)
    assert all(torch.equal(latent[0], latent[1]) for latent in cold.latents)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 2, 4, 4), (2, 2, 4, 4), (2, 2, 8, 8), (2, 2, 8, 8)],  # one layer more than there are
        [(2, 2, 4, 4), (2, 2, 8, 8)],
        [(3, 2, 4, 4)],
    ],
    ids=["a layer too many", "size of another layer", "three for two"],
)
def test_given_layers_that_do_not_fit_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(SettingError, match=r"top first, of shapes \[\(2, 2, 4, 4\), .*; they are of \["):
        make(IAF).generate(2, [torch.zeros(shape) for shape in shapes])


def test_the_temperature_scales_every_layers_distance_from_its_priors_mean() -> None:
    model = make(SDN).double()
    latents = model.generate(2).latents

    def draw(layer: int, temperature: float) -> torch.Tensor:
        with seeded(1):
            return model.generate(2, latents[:layer], temperature).latents[layer]

    for layer in range(len(latents)):
        mean, plain, warm = (draw(layer, temperature) for temperature in (0.0, 1.0, 0.4))
        assert (plain - mean).abs().min() > 0
        torch.testing.assert_close(warm - mean, 0.4 * (plain - mean))


def test_the_recomputed_model_has_the_same_terms_and_gradients() -> None:
    results = []
    for config in (SDN, CONFIGURATIONS["recomputed"]):
        model = make(config).double()
        torch.manual_seed(3)
        terms = model(images_of(COLOUR))
        elbo(terms.log_likelihood, terms.divergence).mean().backward()
        results.append([terms.log_likelihood.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(("height", "width"), [(28, 28), (7, 9), (8, 5), (1, 1)])
def test_sizes_that_the_strides_do_not_divide_are_padded(height: int, width: int) -> None:
    grey = ImageFormat(channels=1, height=height, width=width, bits=1)
    model = make(replace(SDN, observation="bernoulli"), grey)
    images = images_of(grey)
    inference = model.infer(images)
    assert inference.likelihood.log_prob(images).shape == (3,)
    assert model.generate(2).likelihood.sample().shape == (2, *grey.shape)
    assert model.latent_shapes[0][1:] == (-(-height // 2), -(-width // 2))


@pytest.mark.parametrize(
    ("layers", "height", "width"), [((1, 1, 1), 9, 6), ((1, 1, 1), 6, 9), ((1, 1, 0), 5, 11), ((1, 1, 1, 1), 1, 3)]
)
def test_a_pixel_keeps_its_place_through_padding_and_crop(layers: tuple[int, ...], height: int, width: int) -> None:
    grey = ImageFormat(channels=1, height=height, width=width, bits=1)
    model = make(replace(IAF, layers=layers, observation="bernoulli"), grey)
    # A model whose last layer repeats what came in, as logits of near certainty, gives back the images.
    padded: list[torch.Tensor] = []
    model.input.register_forward_pre_hook(lambda layer, inputs: padded.append(inputs[0]))
    model.output.register_forward_hook(lambda layer, inputs, output: 50 * padded[0])
    images = images_of(grey)
    assert torch.equal(model.infer(images).likelihood.representative, images)


def test_a_batch_gives_what_its_images_give_one_by_one() -> None:
    model = make(replace(SDN, flow_channels=0)).double()
    for block in model.blocks:  # a posterior without noise, so that draws agree
        block.first.register_forward_hook(
            lambda layer, inputs, output: output.index_fill(1, torch.tensor([8, 9]), -200.0)
        )
    images = images_of(COLOUR)
    whole = model.infer(images).likelihood.log_prob(images)
    single = torch.cat([model.infer(one[None]).likelihood.log_prob(one[None]) for one in images])
    assert torch.allclose(whole, single, atol=1e-8)


def test_directions_alternate_through_the_layers_and_the_last_layer_has_all_four() -> None:
    model = make(SDN)
    layers = [layer for layer in model.modules() if isinstance(layer, ResidualSpatialDependency)]
    assert len(layers) == 7
    across, along = list(Direction)[:2], list(Direction)[2:]
    assert [list(layer.sdn.directions) for layer in layers[:-1]] == [across, along] * 3
    assert set(layers[-1].sdn.directions) == set(Direction)


def test_residual_layers_begin_with_their_gates_on_the_side_of_the_convolution() -> None:
    layers = [layer for layer in make(SDN).modules() if isinstance(layer, ResidualSpatialDependency)]
    assert layers
    for layer in layers:
        other, gate = layer.sdn.project_out.bias.chunk(2)
        assert (gate == 2).all()
        assert not other.any()


@pytest.mark.parametrize("name", ["IAF-VAE+", "SDN-VAE", "finest scale without layers"])
def test_convolutions_begin_orthogonal_and_are_normalised_by_weight(name: str) -> None:
    """Every projection of a spatial dependency layer is a convolution; the cells of its sweeps are none."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    layers = {name: layer for name, layer in make(CONFIGURATIONS[name]).named_modules() if isinstance(layer, kinds)}
    for kind in (*kinds, MaskedConvolution):
        assert any(isinstance(layer, kind) for layer in layers.values())
    for path, layer in layers.items():
        assert is_parametrized(layer, "weight"), path
        assert path.endswith("sdn.project_out") or not layer.bias.any(), path
        rows = layer.weight.flatten(1)
        products = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
        if not isinstance(layer, MaskedConvolution):  # a mask leaves no whole rows
            assert torch.allclose(products, torch.eye(len(products)), atol=1e-5), path


def test_scales_without_features_keep_their_convolutions() -> None:
    model = make(CONFIGURATIONS["SDN at the coarse scale alone"])
    kinds = [type(layer).__name__ for block in model.blocks for layer in (block.first, block.second)]
    # The second layer of the second block brings its output to the fine scale.
    sdn = "ResidualSpatialDependency"
    assert ["SDN" if kind == sdn else "conv" for kind in kinds] == ["SDN", "SDN", "SDN", "conv", "conv", "conv"]
    assert not isinstance(model.output, ResidualSpatialDependency)


def test_the_thesis_baseline_has_the_parameters_of_table_4_2() -> None:
    """42 M for the convolutional model, if the topmost block up had the layers that lead nowhere, as theirs must."""
    with torch.device("meta"):  # allocates nothing
        model = LadderVAEConfig().build(ImageFormat(channels=3, height=32, width=32))
    weights = sum(p.numel() for name, p in model.named_parameters() if not name.endswith("original0"))
    leads_nowhere = (200 * 9 + 1) * 400 + 200 * 9 * 200 + 200
    assert round((weights + leads_nowhere) / 1e6) == 42


def test_mixed_precision_keeps_densities_in_full_precision() -> None:
    model = make(SDN)
    with torch.autocast("cpu", torch.bfloat16):
        inference = model.infer(images_of(COLOUR))
        value = inference.likelihood.log_prob(images_of(COLOUR))
    assert value.dtype == inference.log_prior.dtype == inference.log_posterior.dtype == torch.float32
    assert torch.isfinite(value).all()


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(1, 3, 8, 9, dtype=torch.uint8),
        torch.zeros(1, 1, 8, 8, dtype=torch.uint8),
        torch.full((1, 3, 8, 8), 256),
    ],
)
def test_images_of_another_format_are_refused(image: torch.Tensor) -> None:
    with pytest.raises(DataError, match="The model wants"):
        make(IAF).infer(image)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layers": ()}, "1 or more layers"),
        ({"layers": (0, 2)}, "0 at the finest alone"),
        ({"layers": (1, -1)}, r"layers is \[1, -1\].$"),
        ({"channels": 0}, "^channels must be 1 or more; it is 0.$"),
        ({"latent_channels": -1}, "^latent_channels must be 1 or more; it is -1.$"),
        ({"flow_channels": -1}, "^flow_channels must be 0 or more; it is -1.$"),
        ({"components": 0}, "^components must be 1 or more; it is 0.$"),
        ({"sdn": SpatialDependencyConfig(features=(4,))}, "each of the 2 scales"),
    ],
)
def test_sizes_that_make_no_ladder_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        replace(IAF, **settings)


@pytest.mark.parametrize("settings", [{"directions": 0}, {"directions": 5}, {"features": (4, -1)}])
def test_spatial_dependencies_that_make_no_layers_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"has 1 to 4 directions, not [05]|0 or more at each scale"):
        replace(SpatialDependencyConfig(features=(4, 4)), **settings)


def test_a_layer_of_ones_own_takes_the_place_of_the_way_downs() -> None:
    def wide(ins: int, outs: int, *, scale: int, upsample: bool = False, last: bool = False) -> nn.Module:
        up = nn.Upsample(scale_factor=2) if upsample else nn.Identity()
        return nn.Sequential(up, nn.Conv2d(ins, outs, 5, padding=2))

    torch.manual_seed(0)
    model = LadderVAE(IAF, COLOUR, top_down=wide)
    assert torch.isfinite(model(images_of(COLOUR)).log_likelihood).all()
