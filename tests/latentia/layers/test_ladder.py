from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from latentia.layers.ladder import DownBlock, RungChannels, UpBlock
from latentia.layers.residual import convolution, gated_residual, initialise_convolutions, resize_nearest
from latentia.randomness import seeded


def make_down(context: int, *, upsample: bool = False) -> DownBlock:
    torch.manual_seed(0)
    channels = RungChannels(deterministic=6, latent=2, context=context)
    block = DownBlock(channels, first=convolution, second=lambda a, b: convolution(a, b, upsample=upsample))
    return block.double()


def test_a_closed_gate_keeps_the_skip_and_an_open_one_the_layer() -> None:
    skip, hidden = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    closed, opened = (
        gated_residual(skip, torch.cat([hidden, torch.full_like(hidden, gate)], 1)) for gate in (-60.0, 60.0)
    )
    assert torch.allclose(closed, skip)
    assert torch.allclose(opened, hidden, atol=1e-6)  # skip + (hidden - skip) rounds twice
    even = gated_residual(skip, torch.cat([hidden, torch.ones_like(hidden)], 1))
    assert torch.allclose(even, (skip + hidden) / 2, atol=1e-6)


def test_resizing_takes_nearest_neighbours_both_ways() -> None:
    image = torch.arange(4.0).reshape(1, 1, 2, 2)
    doubled = resize_nearest(image, torch.empty(1, 5, 4, 4))
    assert doubled[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert torch.equal(resize_nearest(doubled, image), image)


def test_a_block_upwards_halves_the_size_with_stride_two() -> None:
    channels = RungChannels(deterministic=6, latent=2, context=3)
    upward = UpBlock(channels, stride=2)(torch.randn(2, 6, 8, 4))
    assert upward.output.shape == (2, 6, 4, 2)
    assert upward.evidence.shape == (2, 2 * 2 + 3, 4, 2)


def test_without_a_flow_the_divergence_is_the_closed_form_and_the_draws_agree_with_it() -> None:
    block = make_down(0)
    x, evidence = torch.randn(1, 6, 2, 2).double(), torch.randn(1, 4, 2, 2).double()
    drawn = [block(x, evidence) for _ in range(4000)]
    assert drawn[0].divergence is not None
    estimates = torch.stack([one.log_posterior - one.log_prior for one in drawn])
    error = estimates.std() / len(drawn) ** 0.5
    assert abs(estimates.mean() - drawn[0].divergence) < 4 * error


def test_with_a_flow_the_posterior_density_is_that_of_the_transformed_draw() -> None:
    block = make_down(5)
    assert block.flow is not None
    x, evidence = torch.randn(1, 6, 2, 2).double(), torch.randn(1, 9, 2, 2).double()
    torch.manual_seed(1)
    drawn = block(x, evidence)
    # Change of variables by hand: draw the same base variable, and take the flow's Jacobian by automatic derivatives.
    parameters = block.first(nn.functional.elu(x))[:, 6:15] + evidence
    mean, log_variance, context = parameters.split([2, 2, 5], 1)
    base = Normal(mean, (0.5 * log_variance).exp())
    torch.manual_seed(1)
    start = base.rsample()
    jacobian = torch.autograd.functional.jacobian(lambda z: block.flow(z, context).value, start).reshape(8, 8)
    expected = base.log_prob(start).sum() - torch.linalg.slogdet(jacobian).logabsdet
    assert drawn.log_posterior is not None
    assert drawn.log_posterior.item() == pytest.approx(expected.item(), abs=1e-10)


def test_what_is_given_is_taken_and_temperature_zero_gives_the_priors_mean() -> None:
    block = make_down(0, upsample=True)
    x = torch.randn(3, 6, 2, 2).double()
    fixed = torch.randn(3, 2, 2, 2).double()
    assert torch.equal(block.generate(x, given=fixed).latent, fixed)
    cold = block.generate(x, temperature=0.0)
    assert torch.equal(cold.latent, block.generate(x, temperature=0.0).latent)
    assert cold.output.shape == (3, 6, 4, 4)
    draws = torch.stack([block.generate(x).latent for _ in range(2000)])
    assert torch.allclose(draws.mean(0), cold.latent, atol=0.5)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0, 2.5])
def test_the_temperature_multiplies_the_priors_standard_deviation(temperature: float) -> None:
    block = make_down(0)
    x = torch.randn(3, 6, 2, 2).double()
    with seeded(1):
        latent = block.generate(x, temperature=temperature).latent
    # By hand: the prior's parameters are the last channels, and the noise is that of the same seed.
    mean, log_variance = block.first(nn.functional.elu(x))[:, 10:].chunk(2, 1)
    with seeded(1):
        noise = torch.randn_like(mean)
    torch.testing.assert_close(latent, mean + temperature * (0.5 * log_variance).exp() * noise)


def test_initialisation_leaves_the_function_and_normalises_each_output_channel() -> None:
    torch.manual_seed(0)
    for layer in (convolution(3, 5), convolution(4, 6, upsample=True), convolution(4, 6, stride=2)):
        image = torch.randn(1, layer.weight.shape[0 if isinstance(layer, nn.ConvTranspose2d) else 1], 4, 4)
        holder = nn.Sequential(layer)
        initialise_convolutions(holder)
        plain = type(layer)(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        plain.weight.data.copy_(layer.weight)
        nn.init.zeros_(plain.bias)
        assert torch.allclose(holder(image), plain(image), atol=1e-6)
        assert {name for name, _ in layer.named_parameters()} == {
            "bias",
            "parametrizations.weight.original0",
            "parametrizations.weight.original1",
        }
        scale = layer.parametrizations.weight.original0
        assert scale.numel() == layer.out_channels
