from __future__ import annotations

from typing import Any

import pytest
import torch

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.models.gaussian_vae import GaussianVAE, GaussianVAEConfig
from latentia.objectives import elbo

SMALL = GaussianVAEConfig(widths=(4, 6), latent_size=3, components=2)


def make(image_format: ImageFormat, config: GaussianVAEConfig = SMALL) -> GaussianVAE:
    torch.manual_seed(0)
    return config.build(image_format)


def images_of(image_format: ImageFormat, count: int = 4) -> torch.Tensor:
    return torch.randint(image_format.levels, (count, *image_format.shape)).to(torch.uint8)


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 8, 8), (1, 28, 28), (2, 5, 6)])
def test_every_parameter_gets_a_gradient_at_any_size(channels: int, height: int, width: int) -> None:
    form = ImageFormat(channels=channels, height=height, width=width)
    model = make(form)
    terms = model(images_of(form))
    assert terms.divergence.shape == (4, 1)
    elbo(terms.log_likelihood, terms.divergence).mean().backward()
    # A bias in front of batch normalisation has no effect, so only its existence is asked for.
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.generate(2).likelihood.sample().shape == (2, *form.shape)


def test_strides_of_thesis_b_for_images_of_28() -> None:
    model = make(ImageFormat(channels=1, height=28, width=28), GaussianVAEConfig())
    convolutions = [layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.stride[0] for layer in convolutions] == [2, 2, 1, 1]


def test_the_divergence_is_the_mean_of_the_draws() -> None:
    form = ImageFormat(channels=1, height=4, width=4)
    model = make(form).eval()
    images = images_of(form, 1).expand(20000, -1, -1, -1)
    inference = model.infer(images)
    draws = (inference.log_posterior - inference.log_prior)[:, 0]
    assert abs(draws.mean() - inference.divergence[0, 0]) < 4 * draws.std() / len(draws) ** 0.5


def test_temperature_scales_the_prior() -> None:
    model = make(ImageFormat(channels=1, height=4, width=4)).eval()
    assert model.generate(5000, temperature=0.5).latents[0].std() == pytest.approx(0.5, abs=0.02)
    given = torch.randn(2, 3)
    assert torch.equal(model.generate(2, [given]).latents[0], given)


@pytest.mark.parametrize(
    "shapes",
    [[(2, 3), (2, 3)], [(2, 4)], [(3, 3)]],
    ids=["a layer too many", "a latent variable too many", "three for two"],
)
def test_given_latent_variables_that_do_not_fit_are_refused(shapes: list[tuple[int, ...]]) -> None:
    model = make(ImageFormat(channels=1, height=4, width=4)).eval()
    with pytest.raises(SettingError, match=r"top first, of shapes \[\(2, 3\)\] .*; they are of \["):
        model.generate(2, [torch.zeros(shape) for shape in shapes])


def test_a_single_image_is_measured_but_not_trained_on() -> None:
    form = ImageFormat(channels=1, height=4, width=4)
    model = make(form)
    with pytest.raises(SettingError, match=r"2 or more images at a time.*has 1"):
        model(images_of(form, count=1))
    assert model.eval()(images_of(form, count=1)).log_likelihood.shape == (1,)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"widths": (4, 0)}, r"widths must be one number or several, each 1 or more; it is \[4, 0\]."),
        ({"widths": ()}, r"widths must be one number or several, each 1 or more; it is \[\]."),
        ({"latent_size": 0}, "latent_size must be 1 or more; it is 0."),
        ({"components": -2}, "components must be 1 or more; it is -2."),
    ],
)
def test_sizes_that_make_no_model_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        GaussianVAEConfig(**settings)
