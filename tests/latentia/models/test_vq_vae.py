"""The VQ-VAE of thesis B: its sizes, its codes, and the prior that is learned after it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.masks import apply_mask
from latentia.models.base import AutoregressivePrior
from latentia.models.vq_vae import VQVAE, VQVAEConfig
from latentia.randomness import seeded

from .multitask_models import (
    DIGITS,
    FORM,
    KINDS,
    build,
    every_kind_of_decoders,
    images_of,
    mask_of,
    sizes,
    values_of,
    vq,
)


def test_parameters_of_the_thesis_vq_vae_are_those_counted_by_hand() -> None:
    """Of configuration 1, as above; a transposed 4×4 convolution has 16·in·out + out."""
    encoder = (9 + 3) * 32 + (9 * 32 + 3) * 64 + (9 * 64 + 3) * 64 + (64 + 1) * 16
    codebook = 128 * 16
    first = (9 * 16 + 3) * 64 + (16 * 64 + 3) * 32 + 16 * 32 + 1
    second = (16 * 49 + 2 * 784 + 1) * 16 * 49 + first
    wanted = {"plain": first, "multi, flat": first + second, "single, flat": second}
    for kind, count in wanted.items():
        assert sizes(build(VQVAEConfig(**KINDS[kind]), DIGITS, double=False)) == encoder + codebook + count, kind


def test_a_residual_block_adds_a_3x3_and_a_1x1_convolution_to_encoder_and_decoder() -> None:
    with_two, without = (build(VQVAEConfig(residual_layers=layers), DIGITS, double=False) for layers in (2, 0))
    assert sizes(with_two) - sizes(without) == 2 * 2 * ((9 * 64 + 1) * 64 + (64 + 1) * 64)


@every_kind_of_decoders
def test_the_vq_cost_is_codebook_loss_and_weighted_commitment_loss(kind: str) -> None:
    """Both are the same number, of different gradients: (1 + β) times the mean squared distance (thesis B 3.2.3)."""
    model = build(vq(commitment=0.5, **KINDS[kind])).eval()
    assert isinstance(model, VQVAE)
    values = values_of(model)
    vectors = model.encoder(values)
    latent = model.encode(values)
    distances = (vectors - latent.values).square().flatten(1).mean(1)
    torch.testing.assert_close(latent.cost, 1.5 * distances)
    by_codebook, by_vectors = (
        torch.autograd.grad(model.encode(values).cost.sum(), one, retain_graph=True)[0].abs().sum()
        for one in (model.quantizer.codebook, model.encoder[-1].weight)
    )
    assert by_codebook > 0 and by_vectors > 0


def test_the_vq_latent_variables_are_vectors_of_the_codebook_to_the_bit_and_the_nearest_ones() -> None:
    model = build(vq()).eval()
    assert isinstance(model, VQVAE)
    values = values_of(model)
    latent = model.encode(values)
    assert latent.codes is not None and len(latent.codes.unique()) > 3
    rows = latent.values.movedim(1, -1)
    assert torch.equal(rows, model.quantizer.codebook[latent.codes])
    distances = torch.cdist(model.encoder(values).movedim(1, -1).flatten(0, 2), model.quantizer.codebook)
    assert torch.equal(latent.codes.flatten(), distances.argmin(1))


def test_settings_of_the_codebook_reach_the_quantizer() -> None:
    model = build(vq(codebook_decay=0.9, revive_below=0.25))
    assert isinstance(model, VQVAE)
    assert (model.quantizer.average_decay, model.quantizer.revive_below) == (0.9, 0.25)
    assert model.codebook_size == model.quantizer.count == 16


def test_the_decoders_gradient_goes_straight_through_to_the_encoder() -> None:
    model = build(vq())
    assert isinstance(model, VQVAE)
    entering: list[Tensor] = []
    model.quantizer.register_forward_pre_hook(lambda quantizer, inputs: entering.append(inputs[0]))
    values = values_of(model)
    latent = model.encode(values)
    error = (model.decode(latent.values) - values).square().sum()
    to_encoder, to_vectors = torch.autograd.grad(error, (entering[0], latent.values))
    assert torch.equal(to_encoder, to_vectors) and to_vectors.abs().sum() > 0


@every_kind_of_decoders
def test_as_long_as_no_prior_is_learned_all_codes_are_equally_probable(kind: str) -> None:
    """Thesis B eq. 2.4: the divergence of a certain posterior is −log p(z), here that of 2·3 places with 16 codes."""
    model = build(vq(**KINDS[kind])).eval()
    images = images_of(FORM)
    inference, terms = model.infer(images), model(images)
    assert inference.log_posterior.tolist() == [[0.0]] * 4
    for one in (-inference.log_prior, inference.divergence, terms.divergence):
        torch.testing.assert_close(one, torch.full((4, 1), 6 * math.log(16), dtype=torch.float64))
    torch.testing.assert_close(model.log_weights(images), terms.log_likelihood - terms.divergence[:, 0])
    assert not model.has_prior


class ByClass(AutoregressivePrior):
    """Each place alike: class c draws code k with probability `table[c, k]`. Remembers the condition."""

    def __init__(self, table: Tensor, *, classes: int, conditioned: bool) -> None:
        super().__init__()
        self.table, self.classes, self.conditioned = table, classes, conditioned
        self.codes, self.height, self.width = table.shape[1], 2, 3
        self.told: Tensor | None = None

    def log_prob(self, codes: Tensor, labels: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        self.told = condition
        rows = self.table[torch.zeros(len(codes), dtype=torch.int64) if labels is None else labels]
        return rows.gather(1, codes.flatten(1)).log().sum(1)

    def sample(
        self,
        count: int,
        *,
        labels: Tensor | None = None,
        condition: Tensor | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        self.told = condition
        rows = self.table[torch.zeros(count, dtype=torch.int64) if labels is None else labels]
        return rows.argmax(1)[:, None, None].expand(-1, 2, 3)


def with_prior(*, classes: int = 0, conditioned: bool = False) -> tuple[VQVAE, ByClass]:
    model = build(vq(decoders="multi")).eval()
    assert isinstance(model, VQVAE)
    table = torch.rand(max(classes, 1), 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    prior = ByClass(table / table.sum(1, keepdim=True), classes=classes, conditioned=conditioned)
    model.prior = prior
    return model, prior


def test_a_learned_prior_says_how_probable_codes_are() -> None:
    model, prior = with_prior()
    images = images_of(FORM)
    codes = model.encode(model.shares(images)).codes
    assert codes is not None and model.has_prior
    wanted = [sum(math.log(prior.table[0, code]) for code in one) for one in codes.flatten(1).tolist()]
    assert model.infer(images).divergence.flatten().tolist() == pytest.approx([-one for one in wanted])


def test_a_prior_of_classes_is_averaged_over_them() -> None:
    model, prior = with_prior(classes=3)
    codes = torch.randint(16, (4, 2, 3), generator=torch.Generator().manual_seed(0))
    each = torch.stack([prior.table[label][codes].flatten(1).prod(1) for label in range(3)])
    torch.testing.assert_close(model.log_prior(codes).exp(), each.mean(0))


def test_what_is_drawn_are_vectors_of_drawn_codes_of_all_classes() -> None:
    model, prior = with_prior(classes=3)
    with seeded(0):
        drawn = model.draw_latent(200)
    assert tuple(drawn.shape[1:]) == model.latent_shapes[0]
    vectors = model.quantizer.codebook[prior.table.argmax(1)]
    shares = (drawn[:, None, :, 0, 0] == vectors).all(2).double().mean(0)
    assert shares.sum() == 1 and (shares > 0.2).all()


def test_a_prior_given_known_pixels_is_told_of_none_unless_there_are_some() -> None:
    model, prior = with_prior(conditioned=True)
    empty = torch.zeros(4, 3, 8, 12, dtype=torch.float64)
    model.infer(images_of(FORM))
    assert prior.told is not None and torch.equal(prior.told, empty)
    model.generate(4)
    assert prior.told is not None and torch.equal(prior.told, empty)
    condition = apply_mask(values_of(model), mask_of(FORM))
    model.draw_latent(4, condition=condition)
    assert prior.told is condition


def test_a_prior_that_does_not_go_by_known_pixels_is_not_told_of_them() -> None:
    model, prior = with_prior()
    model.draw_latent(4, condition=apply_mask(values_of(model), mask_of(FORM)))
    assert prior.told is None


def test_a_vq_vae_without_a_prior_says_how_one_is_learned() -> None:
    model = build(vq()).eval()
    with pytest.raises(SettingError, match="no prior to draw codes from yet: `latentia prior` learns one"):
        model.generate(2)


@pytest.mark.parametrize("sides", [(30, 28), (28, 30), (7, 8)])
def test_a_vq_vae_refuses_sides_that_are_no_multiples_of_4(sides: tuple[int, int]) -> None:
    form = ImageFormat(channels=1, height=sides[0], width=sides[1])
    with pytest.raises(SettingError, match=f"multiples of 4; these are of {sides[0]}×{sides[1]}"):
        vq().build(form)
