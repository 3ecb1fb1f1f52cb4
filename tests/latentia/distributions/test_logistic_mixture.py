from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentia.distributions import Discretized, Logistic, LogisticMixture
from latentia.randomness import seeded


def parameters(channels: int, components: int, places: int = 1, seed: int = 0) -> tuple[Tensor, ...]:
    """Logits, means, log-scales and coefficients for a row of places."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, 1, places, generator=generator, dtype=torch.float64)

    pairs = channels * (channels - 1) // 2
    return (
        draw(components),
        draw(components, channels),
        draw(components, channels) - 1.5,
        torch.tanh(draw(components, pairs)),
    )


def all_images(channels: int, levels: int) -> Tensor:
    """Every image of one place."""
    return torch.cartesian_prod(*[torch.arange(levels)] * channels).view(-1, channels, 1, 1).to(torch.uint8)


@pytest.mark.parametrize("components", [1, 5])
@pytest.mark.parametrize(("channels", "bits"), [*[(1, bits) for bits in range(1, 9)], *[(3, b) for b in (1, 2, 3, 5)]])
def test_masses_sum_to_one(channels: int, bits: int, components: int) -> None:
    mixture = LogisticMixture(*parameters(channels, components, seed=bits), levels=2**bits)
    total = mixture.log_prob(all_images(channels, 2**bits)).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-10)


def test_masses_sum_to_one_for_rgb_at_8_bits() -> None:
    """In two steps: masses of red and green sum to 1; blue summed out of RGB leaves the masses of red and green."""
    logits, loc, log_scale, coefficients = parameters(3, 4)
    levels, colours = 256, 2
    rgb = LogisticMixture(logits, loc, log_scale, coefficients, levels)
    red_green = LogisticMixture(logits, loc[:, :colours], log_scale[:, :colours], coefficients[:, :1], levels)
    assert red_green.log_prob(all_images(colours, levels)).exp().sum().item() == pytest.approx(1, abs=1e-10)
    pair = torch.tensor([[0, 0], [3, 250], [128, 127], [255, 9], [200, 255]]).view(-1, 1, 2, 1, 1)
    blue = torch.arange(levels).view(1, -1, 1, 1, 1)
    values = torch.cat([pair.expand(-1, levels, -1, -1, -1), blue.expand(len(pair), -1, -1, -1, -1)], 2)
    torch.testing.assert_close(rgb.log_prob(values).exp().sum(1), red_green.log_prob(pair[:, 0]).exp())


def test_log_prob_is_that_of_the_definition() -> None:
    """Written out with one distribution for each colour of each component."""
    logits, loc, log_scale, coefficients = parameters(3, 2, seed=3)
    value, levels = torch.tensor([5, 0, 15]), 16
    red, green, _ = (value * 2 / (levels - 1) - 1).double()
    means = loc.squeeze() + torch.stack(
        [
            torch.zeros(2),
            coefficients[:, 0].squeeze() * red,
            coefficients[:, 1].squeeze() * red + coefficients[:, 2].squeeze() * green,
        ],
        1,
    )
    colours = Discretized(Logistic(means, log_scale.squeeze().exp()), levels)
    expected = (logits.squeeze().softmax(0) * colours.log_prob(value).sum(1).exp()).sum().log()
    mixture = LogisticMixture(logits, loc, log_scale, coefficients, levels)
    torch.testing.assert_close(mixture.log_prob(value.view(3, 1, 1)), expected)


@pytest.mark.parametrize(("channels", "levels"), [(1, 16), (2, 4), (3, 4)])
def test_draws_come_as_often_as_their_probability_says(channels: int, levels: int) -> None:
    mixture = LogisticMixture(*parameters(channels, 3, seed=7), levels=levels)
    with seeded(levels, channels):
        draws = mixture.sample((30_000,)).long().view(-1, channels)
    place = torch.tensor([levels**power for power in reversed(range(channels))])
    counts = torch.bincount((draws * place).sum(1), minlength=levels**channels)
    expected = mixture.log_prob(all_images(channels, levels)).exp() * len(draws)
    rare = expected < 5  # chi-square wants them together
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    freedom = len(counts) - 1
    chi_square = ((counts - expected).square() / expected.clamp(min=1)).sum().item()
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5 + 8


def test_each_place_of_an_image_has_its_own_distribution() -> None:
    parts = parameters(3, 2, places=4)
    images = torch.randint(0, 8, (5, 3, 1, 4), generator=torch.Generator().manual_seed(1))
    whole = LogisticMixture(*parts, levels=8).log_prob(images)
    single = [
        LogisticMixture(*(part[..., i : i + 1] for part in parts), levels=8).log_prob(images[..., i : i + 1])
        for i in range(4)
    ]
    torch.testing.assert_close(whole, torch.stack(single).sum(0))


def test_the_representative_follows_the_most_probable_component_from_colour_to_colour() -> None:
    logits = torch.tensor([0.0, 3.0]).view(2, 1, 1)
    loc = torch.tensor([[0.9, 0.9, 0.9], [1 / 15, -0.6, 0.2]]).view(2, 3, 1, 1)
    coefficients = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.6, 1.0]]).view(2, 3, 1, 1)
    mixture = LogisticMixture(logits, loc, torch.full_like(loc, -3.0), coefficients, levels=16)
    # Red 1/15 is level 8; green −0.6 is level 3; blue is 0.2 + 0.6·(1/15) − 0.6 = −0.36, nearest to level 5.
    assert mixture.representative.flatten().tolist() == [8, 3, 5]


def test_draws_of_a_sharp_mixture_are_its_representative() -> None:
    logits, loc, log_scale, coefficients = parameters(3, 1, places=30)
    mixture = LogisticMixture(logits, loc, log_scale * 0 - 20, coefficients, levels=32)
    assert torch.equal(mixture.sample(), mixture.representative)


def test_the_gradient_is_that_of_finite_differences() -> None:
    parts = [part.requires_grad_() for part in parameters(3, 2, places=3)]
    images = torch.tensor([[0, 7, 3], [2, 5, 7], [7, 0, 1]]).view(3, 1, 3)
    assert torch.autograd.gradcheck(lambda *each: LogisticMixture(*each, levels=8).log_prob(images), parts)


def test_shapes_expand_as_in_torch() -> None:
    mixture = LogisticMixture(*parameters(3, 2, places=5), levels=8)
    expanded = mixture.expand((4, 2))
    assert (mixture.batch_shape, mixture.event_shape) == ((), (3, 1, 5))
    assert (expanded.batch_shape, expanded.event_shape) == ((4, 2), (3, 1, 5))
    assert expanded.representative.shape == (4, 2, 3, 1, 5)
    with seeded(0):
        images = expanded.sample((6,))
    assert images.shape == (6, 4, 2, 3, 1, 5)
    torch.testing.assert_close(expanded.log_prob(images), mixture.log_prob(images))


def test_wrong_values_and_parameters_are_refused() -> None:
    logits, loc, log_scale, coefficients = parameters(3, 2)
    mixture = LogisticMixture(logits, loc, log_scale, coefficients, levels=8)
    with pytest.raises(ValueError, match="support"):
        mixture.log_prob(torch.full((3, 1, 1), 8))
    with pytest.raises(ValueError, match="coupled by 3 coefficients; there are 1"):
        LogisticMixture(logits, loc, log_scale, coefficients[:, :1], levels=8)
    with pytest.raises(ValueError, match="logits"):
        LogisticMixture(logits * torch.nan, loc, log_scale, coefficients, levels=8)
