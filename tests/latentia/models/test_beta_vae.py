"""The β-VAE has the sizes of Tables A.5 and A.6, and answers what every model answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.models.base import GaussianLatentModel
from latentia.models.beta_vae import BetaVAE, BetaVAEConfig
from latentia.objectives import elbo

COLOURED = ImageFormat(channels=3, height=64, width=64)
BINARY = ImageFormat(channels=1, height=64, width=64, bits=1)
SMALL_SDN = BetaVAEConfig(decoder="sdn", sdn_features=5)


def make(image_format: ImageFormat = COLOURED, config: BetaVAEConfig = SMALL_SDN) -> BetaVAE:
    torch.manual_seed(0)
    return config.build(image_format)


def images_of(image_format: ImageFormat, count: int = 3) -> torch.Tensor:
    return torch.randint(image_format.levels, (count, *image_format.shape)).to(torch.uint8)


@pytest.mark.parametrize(("decoder", "parameters"), [("convolutions", 1_752_408), ("sdn", 2_326_224)])
def test_the_parameters_are_those_of_tables_a_5_and_a_6(decoder: Any, parameters: int) -> None:
    """Added up by hand from the tables: weights and biases of each row, and one log-scale.

    Encoder 1,568 + 16,416 + 32,832 + 65,600 + 262,400 + 5,140; decoder 2,816 + 1,052,672 + 262,208 + 32,800 + 1,539
    and either 16,416, or 102,600 + 12·200² + 6·200 + 6,432 for the spatial dependency layer.
    """
    model = make(config=BetaVAEConfig(decoder=decoder))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert model.latent_shapes == ((10,),)


@pytest.mark.parametrize("image_format", [COLOURED, BINARY])
@pytest.mark.parametrize("config", [BetaVAEConfig(), SMALL_SDN], ids=["convolutions", "sdn"])
def test_every_parameter_gets_a_gradient(config: BetaVAEConfig, image_format: ImageFormat) -> None:
    model = make(image_format, config)
    terms = model(images_of(image_format))
    assert terms.divergence.shape == (3, 1)
    elbo(terms.log_likelihood, terms.divergence).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), name
    assert model.generate(2).likelihood.sample().shape == (2, *image_format.shape)


def test_the_decoders_differ_in_one_step_alone() -> None:
    plain, sdn = make(config=BetaVAEConfig()), make(config=BetaVAEConfig(decoder="sdn"))
    rest = [
        {name for name, _ in model.named_parameters() if not name.startswith("decoder.4")} for model in (plain, sdn)
    ]
    assert [name.removeprefix("decoder.") for name in sorted(rest[0] ^ rest[1])] == [
        "5.bias",
        "5.weight",
        "6.bias",
        "6.weight",
    ]


def test_the_probabilities_of_a_pixel_sum_to_1_and_all_share_one_scale() -> None:
    model = make().eval()
    likelihood = model.generate(1).likelihood
    pixels = likelihood.pixels  # type: ignore[attr-defined]
    masses = pixels.log_prob(torch.arange(256).view(-1, 1, 1, 1, 1)).exp().sum(0)
    torch.testing.assert_close(masses, torch.ones_like(masses))
    assert pixels.base.scale.unique().tolist() == [1.0]


def test_the_scale_starts_where_it_is_told_to() -> None:
    model = make(config=BetaVAEConfig(first_log_scale=-2.5))
    assert model.log_scale.item() == -2.5


def test_the_divergence_is_the_mean_of_the_draws_and_the_posterior_that_of_the_draws() -> None:
    model = make(config=BetaVAEConfig(latent_size=2)).eval()
    assert isinstance(model, GaussianLatentModel)
    images = images_of(COLOURED, 1)
    with torch.no_grad():
        posterior = model.posterior(images)
        draws = posterior.rsample((20000,))
        prior = model.generate(1)  # standard normal: its density is known
        assert prior.latents[0].shape == (1, 2)
        ratio = posterior.log_prob(draws) + 0.5 * (draws.square() + torch.log(torch.tensor(2 * torch.pi))).sum(-1)
        divergence = model.infer(images).divergence[0, 0]
    assert abs(float(ratio.mean() - divergence)) < 4 * float(ratio.std()) / 20000**0.5


def test_temperature_scales_the_prior_and_given_latent_variables_stay() -> None:
    model = make(config=BetaVAEConfig()).eval()
    with torch.no_grad():
        assert model.generate(500, temperature=0.5).latents[0].std() == pytest.approx(0.5, abs=0.03)
        given = torch.randn(2, 10)
        assert torch.equal(model.generate(2, [given]).latents[0], given)
    with pytest.raises(SettingError, match=r"of shapes \[\(2, 10\)\] .*; they are of \[\(2, 3\)\]"):
        model.generate(2, [torch.zeros(2, 3)])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48), (128, 128)])
def test_images_of_another_size_than_the_tables_are_refused_in_a_sentence(height: int, width: int) -> None:
    form = ImageFormat(channels=3, height=height, width=width)
    with pytest.raises(
        SettingError, match=rf"^A β-VAE is for images of 64×64; these are of 3×{height}×{width} with 8 bits.$"
    ):
        BetaVAEConfig().build(form)
    with pytest.raises(DataError, match="The model wants images of 3×64×64"):
        make()(torch.zeros(1, 3, height, width, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"latent_size": 0}, "latent_size must be 1 or more; it is 0."),
        ({"sdn_features": -1}, "sdn_features must be 1 or more; it is -1."),
        ({"sdn_directions": 5}, "A spatial dependency layer has 1 to 4 directions, not 5."),
    ],
)
def test_settings_that_make_no_model_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        BetaVAEConfig(**settings)
