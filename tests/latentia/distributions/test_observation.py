from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from latentia.distributions import (
    BernoulliPixels,
    CategoricalPixels,
    ImageDistribution,
    LogisticMixturePixels,
    LogisticPixels,
    Observation,
    SquaredErrorPixels,
)
from latentia.errors import SettingError
from latentia.randomness import seeded

OBSERVATIONS: list[Observation] = [
    LogisticMixturePixels(),
    LogisticMixturePixels(image_channels=1, levels=32, components=3),
    LogisticMixturePixels(image_channels=2, levels=2, components=1),
    LogisticPixels(),
    LogisticPixels(image_channels=1, levels=32),
    BernoulliPixels(),
    BernoulliPixels(image_channels=3),
    CategoricalPixels(levels=8),
    CategoricalPixels(image_channels=1),
    SquaredErrorPixels(),
    SquaredErrorPixels(image_channels=3, levels=8),
]
every_observation = pytest.mark.parametrize("observation", OBSERVATIONS, ids=repr)


def maps(observation: Observation, dtype: torch.dtype = torch.float32, scale: float = 1.0, count: int = 2) -> Tensor:
    """What a network might put out: parameters for non-square images."""
    generator = torch.Generator().manual_seed(observation.channels)
    return (scale * torch.randn(count, observation.channels, 3, 4, generator=generator)).to(dtype)


def images(observation: Observation, count: int = 2) -> Tensor:
    """Images that include the lowest and the highest level."""
    generator = torch.Generator().manual_seed(observation.levels)
    shape = (count, observation.image_channels, 3, 4)
    drawn = torch.randint(0, observation.levels, shape, generator=generator, dtype=torch.uint8)
    drawn[..., 0, 0], drawn[..., 2, 3] = 0, observation.levels - 1
    return drawn


@pytest.mark.parametrize(
    "observation",
    [
        BernoulliPixels(),
        *(
            kind(image_channels=1, levels=2**bits)
            for kind in (LogisticMixturePixels, LogisticPixels, CategoricalPixels, SquaredErrorPixels)
            for bits in range(1, 9)
        ),
    ],
    ids=repr,
)
def test_masses_of_a_grey_pixel_sum_to_one_at_every_bit_depth(observation: Observation) -> None:
    likelihood = observation(maps(observation, torch.float64, scale=3, count=50)[:, :, :1, :1])
    values = torch.arange(observation.levels, dtype=torch.uint8).view(-1, 1, 1, 1, 1)
    sums = likelihood.log_prob(values.expand(-1, 50, -1, -1, -1)).exp().sum(0)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-9)


@every_observation
def test_the_distribution_is_over_whole_images(observation: Observation) -> None:
    likelihood = observation(maps(observation))
    assert isinstance(likelihood, ImageDistribution)
    assert (likelihood.batch_shape, likelihood.event_shape) == ((2,), (observation.image_channels, 3, 4))
    assert likelihood.levels == observation.levels
    assert likelihood.log_prob(images(observation)).shape == (2,)
    with seeded(0):
        drawn = likelihood.sample((5,))
    assert (drawn.shape, drawn.dtype) == ((5, 2, observation.image_channels, 3, 4), torch.uint8)
    assert (likelihood.representative.shape, likelihood.representative.dtype) == (drawn.shape[1:], torch.uint8)
    assert max(int(drawn.max()), int(likelihood.representative.max())) < observation.levels


@every_observation
def test_expanding_repeats_the_distribution(observation: Observation) -> None:
    likelihood = observation(maps(observation, count=1))
    repeated = likelihood.expand((2,))
    assert repeated.batch_shape == (2,)
    torch.testing.assert_close(repeated.log_prob(images(observation)), likelihood.log_prob(images(observation)))


@every_observation
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(observation: Observation, dtype: torch.dtype) -> None:
    parameters = maps(observation, dtype)
    expected = observation(parameters.float()).log_prob(images(observation))
    with torch.autocast("cpu", torch.bfloat16):
        found = observation(parameters).log_prob(images(observation))
    assert found.dtype is torch.float32
    assert torch.equal(found, expected)


@every_observation
@pytest.mark.parametrize(
    ("dtype", "scale"), [(torch.float16, 2e4), (torch.bfloat16, 1e30), (torch.float32, 50), (torch.float32, 1e30)]
)
def test_extreme_parameters_give_finite_gradients(observation: Observation, dtype: torch.dtype, scale: float) -> None:
    if isinstance(observation, SquaredErrorPixels):
        scale = min(scale, 1e15)  # of which float32 has the square
    parameters = (maps(observation).clamp(-3, 3) * scale).to(dtype).requires_grad_()
    log_prob = observation(parameters).log_prob(images(observation))
    # A loss in half precision is an average over the dimensions.
    (log_prob / images(observation)[0].numel()).mean().backward()
    assert log_prob.isfinite().all()
    assert parameters.grad is not None and parameters.grad.float().isfinite().all()


@every_observation
def test_every_parameter_gets_its_gradient(observation: Observation) -> None:
    parameters = maps(observation, torch.float64)[:1].requires_grad_()
    values = images(observation, 1)
    assert torch.autograd.gradcheck(lambda each: observation(each).log_prob(values), parameters, fast_mode=True)


@every_observation
def test_parameters_that_are_not_numbers_reach_the_loss(observation: Observation) -> None:
    """Training counts and skips such a step; an error would end it."""
    parameters = maps(observation)
    parameters[0, 0, 0, 0] = torch.nan
    found = observation(parameters).log_prob(images(observation))
    assert found.isnan().tolist() == [True, False]


def test_channels_are_10_per_component_for_rgb_and_3_for_grey() -> None:
    assert LogisticMixturePixels(components=5).channels == 50
    assert LogisticMixturePixels(image_channels=1, components=5).channels == 15
    assert LogisticPixels().channels == 6
    assert BernoulliPixels(image_channels=3).channels == 3
    assert CategoricalPixels(levels=256).channels == 768


def test_bernoulli_pixels_are_torchs_bernoulli() -> None:
    observation = BernoulliPixels(image_channels=3)
    parameters, values = maps(observation, torch.float64, scale=20), images(observation)
    known = Bernoulli(logits=parameters)
    likelihood = observation(parameters)
    torch.testing.assert_close(likelihood.log_prob(values), known.log_prob(values.double()).sum((1, 2, 3)))
    torch.testing.assert_close(likelihood.mean, known.mean)
    assert torch.equal(likelihood.representative.double(), (known.probs > 0.5).double())


def test_minus_the_log_density_is_the_squared_error_of_the_shares_up_to_a_constant() -> None:
    """Thesis B 2.1.2; and a level's mass is nearly that density times the width of its bin, 2/255."""
    observation = SquaredErrorPixels()
    means = maps(observation, torch.float64, scale=0.5)
    levels = images(observation).clamp(1, 254)  # the outer bins take the tails
    errors = (levels.double() / 255 - means).square().sum((1, 2, 3))
    constant = 12 * (0.5 * math.log(4 * math.pi) - math.log(2 / 255))
    torch.testing.assert_close(-observation(means).log_prob(levels), errors + constant, rtol=0, atol=1e-3)


def test_the_representative_of_expected_shares_is_the_nearest_level() -> None:
    levels = torch.arange(8, dtype=torch.float64)
    shares = torch.stack([(levels - 0.49) / 7, levels / 7, (levels + 0.49) / 7])[:, None, None]
    found = SquaredErrorPixels(levels=8)(shares).representative
    assert torch.equal(found[:, 0, 0], levels.to(torch.uint8).expand(3, 8))
    outside = SquaredErrorPixels(levels=8)(torch.tensor([-3.0, 4.0]).view(2, 1, 1, 1))
    assert outside.representative.flatten().tolist() == [0, 7]


def test_log_scales_below_the_floor_count_as_the_floor() -> None:
    observation = LogisticPixels(image_channels=1)
    at_floor = torch.tensor([0.3, -7.0]).view(1, 2, 1, 1)
    below = torch.tensor([0.3, -9.0]).view(1, 2, 1, 1)
    value = torch.tensor([[[[166]]]])
    assert torch.equal(observation(at_floor).log_prob(value), observation(below).log_prob(value))


def test_a_map_of_other_channels_is_refused() -> None:
    with pytest.raises(SettingError, match="LogisticMixturePixels of 3-channel images wants 50 channels of parameters"):
        LogisticMixturePixels()(torch.zeros(1, 48, 2, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": 1}, "2 to 256 levels, not 1"),
        ({"levels": 512}, "2 to 256 levels, not 512"),
        ({"components": 0}, "at least one component, not 0"),
        ({"image_channels": 0}, "at least one channel, not 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        LogisticMixturePixels(**settings)
