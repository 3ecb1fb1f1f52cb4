"""One contract for both models of thesis B, with one decoder, two, or a single one that may know pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.masks import apply_mask
from latentia.models.base import MultitaskModel
from latentia.models.vq_vae import VQVAEConfig
from latentia.randomness import seeded
from latentia.runs import load_model, save_model

from .multitask_models import (
    FORM,
    Config,
    build,
    conditioned_models,
    either_kind,
    every_model,
    gaussian,
    images_of,
    mask_of,
    values_of,
    vq,
)


@every_model
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 48, 160)], ids=str)
def test_shapes_fit_images_of_any_channels_and_sides(config: Config, shape: tuple[int, int, int]) -> None:
    form = ImageFormat(channels=shape[0], height=shape[1], width=shape[2])
    small = {"embedding_size": 1} if isinstance(config, VQVAEConfig) else {"widths": (4, 3, 2)}
    model = build(replace(config, **small), form, double=False)  # type: ignore[arg-type]
    values, mask = values_of(model, 2), mask_of(form, 2)
    with torch.inference_mode():
        terms = model.terms(values, None if config.decoders == "plain" else mask)
        latent = terms.latent
        assert terms.errors.shape == (2, len(model.tasks)) and latent.cost.shape == (2,)
        assert tuple(latent.values.shape[1:]) == model.latent_shapes[0]
        assert model.decode(latent.values).shape == values.shape
        if config.decoders != "plain":
            assert model.decode_given(latent.values, apply_mask(values, mask)).shape == values.shape
    if isinstance(config, VQVAEConfig):
        assert latent.codes is not None and latent.codes.shape == (2, shape[1] // 4, shape[2] // 4)
    else:
        assert latent.codes is None and latent.values.shape == (2, 3)


@every_model
def test_every_parameter_gets_a_gradient(config: Config) -> None:
    model = build(config)
    values = values_of(model)
    terms = model.terms(values, None if config.decoders == "plain" else mask_of(FORM))
    (terms.errors.sum() + terms.latent.cost.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        # A bias in front of batch normalisation has no effect.
        assert name.endswith("bias") or parameter.grad.abs().sum() > 0, name


@every_model
def test_terms_are_the_errors_of_what_encoder_and_decoders_give(config: Config) -> None:
    model = build(config).eval()
    values, mask = values_of(model), mask_of(FORM)
    with seeded(3):
        latent = model.encode(values)
    reconstructions = {"unconditioned": model.decode(latent.values)}
    if config.decoders != "plain":
        reconstructions["conditioned"] = model.decode_given(latent.values, apply_mask(values, mask))
    with seeded(3):
        terms = model.terms(values, None if config.decoders == "plain" else mask)
    for task, errors in zip(model.tasks, terms.errors.T, strict=True):
        by_hand = [
            ((one - truth) ** 2).sum().item() / 192 for one, truth in zip(reconstructions[task], values, strict=True)
        ]
        assert errors.tolist() == pytest.approx(by_hand, rel=1e-12)
    assert torch.equal(terms.latent.values, latent.values)
    assert torch.equal(terms.latent.cost, latent.cost)


@every_model
def test_without_a_mask_there_is_one_error_that_of_the_latent_variables_alone(config: Config) -> None:
    model = build(config).eval()
    values = values_of(model)
    with seeded(3):
        terms = model.terms(values)
    error = (model.decode(terms.latent.values) - values).square().flatten(1).mean(1)
    torch.testing.assert_close(terms.errors, error[:, None])


@either_kind
def test_without_a_mask_a_second_decoder_is_left_out(make: Any) -> None:
    model = build(make(decoders="multi"))
    terms = model.terms(values_of(model))
    (terms.errors.sum() + terms.latent.cost.sum()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("conditioned_decoder."), name


@either_kind
@pytest.mark.parametrize("condition", ["flat", "convolution"])
def test_a_single_decoder_alone_with_the_latent_variables_is_told_of_an_empty_mask(make: Any, condition: str) -> None:
    model = build(make(decoders="single", condition=condition)).eval()
    values = values_of(model)
    nothing = torch.zeros(4, 1, FORM.height, FORM.width, dtype=torch.bool)
    with seeded(3):
        latent = model.encode(values).values
    reconstruction = model.decode(latent)
    assert torch.equal(reconstruction, model.decode_given(latent, torch.zeros(4, 3, 8, 12, dtype=torch.float64)))
    assert torch.equal(reconstruction, model.decode_given(latent, apply_mask(values, nothing)))
    with seeded(3):
        without = model.terms(values).errors
    with seeded(3):
        assert torch.equal(without, model.terms(values, nothing).errors)


@conditioned_models
def test_each_known_pixel_matters_and_that_it_is_known(config: Config) -> None:
    model = build(config).eval()
    values, mask = values_of(model), mask_of(FORM)
    latent = model.encode(values).values
    condition = apply_mask(values, mask).requires_grad_()
    (model.decode_given(latent, condition) * torch.linspace(-1, 1, 96).view(8, 12)).sum().backward()
    assert condition.grad is not None
    slopes = condition.grad.abs()
    assert (slopes[:, :2][mask.expand(-1, 2, -1, -1)] > 0).all()
    assert (slopes[:, 2:] > 0).all()


@conditioned_models
def test_what_stands_at_unknown_pixels_reaches_the_reconstruction_through_the_latent_variables_alone(
    config: Config,
) -> None:
    model = build(config).eval()
    values, mask = values_of(model), mask_of(FORM)
    with seeded(3):
        latent = model.encode(values).values
    wanted = model.decode_given(latent, apply_mask(values, mask))
    for strange in (0.0, 7.0, math.nan):
        others = torch.where(mask, values, strange)
        assert torch.equal(model.decode_given(latent, apply_mask(others, mask)), wanted)
    with seeded(3):
        given = model.terms(values, mask).errors[:, -1]
    torch.testing.assert_close(given, (wanted - values).square().flatten(1).mean(1))


@either_kind
def test_the_first_of_two_decoders_does_not_see_the_mask(make: Any) -> None:
    model = build(make(decoders="multi")).eval()
    values = values_of(model)
    errors = []
    for share in (0.1, 0.9):
        with seeded(3):
            errors.append(model.terms(values, mask_of(FORM, share=share)).errors)
    assert torch.equal(errors[0][:, 0], errors[1][:, 0])
    assert not torch.equal(errors[0][:, 1], errors[1][:, 1])


@either_kind
def test_the_likelihoods_of_all_images_sum_to_one(make: Any) -> None:
    tiny = ImageFormat(channels=1, height=4, width=4, bits=1)
    model = build(make(), tiny).eval()
    everything = (torch.arange(2**16)[:, None] >> torch.arange(16)).remainder(2).view(-1, 1, 1, 4, 4)
    likelihood = model.infer(images_of(tiny, 1)).likelihood
    assert likelihood.log_prob(everything).exp().sum().item() == pytest.approx(1, abs=1e-9)


@every_model
def test_the_terms_of_the_bound_are_those_of_encoder_and_first_decoder(config: Config) -> None:
    model = build(config).eval()
    images = images_of(FORM)
    with seeded(3):
        terms = model(images)
    with seeded(3):
        latent = model.encode(model.shares(images))
    likelihood = model.distribution(model.decode(latent.values))
    torch.testing.assert_close(terms.log_likelihood, likelihood.log_prob(images))
    assert terms.divergence.shape == (4, 1)
    if not isinstance(config, VQVAEConfig):
        torch.testing.assert_close(terms.divergence[:, 0], latent.cost)


def test_the_expected_shares_of_the_likelihood_are_the_decoders() -> None:
    model = build(gaussian()).eval()
    shares = torch.linspace(0, 1, 8, dtype=torch.float64).view(1, 1, 1, 8).expand(1, 2, 8, 8)
    assert torch.equal(model.distribution(shares).representative[0, 0, 0].long(), torch.arange(8))


@every_model
def test_given_latent_variables_are_decoded_as_they_are(config: Config) -> None:
    model = build(config).eval()
    given = model.encode(values_of(model)).values
    generation = model.generate(4, [given])
    assert torch.equal(generation.latents[0], given)
    images = images_of(FORM)
    wanted = model.distribution(model.decode(given)).log_prob(images)
    torch.testing.assert_close(generation.likelihood.log_prob(images), wanted)
    with pytest.raises(SettingError, match=r"top first, of shapes \[\(3, "):
        model.generate(3, [given])


@every_model
def test_everything_is_in_the_models_precision(config: Config) -> None:
    for double, dtype in ((True, torch.float64), (False, torch.float32)):
        model = build(config, double=double)
        images = images_of(FORM)
        values = model.as_values(images)
        terms = model.terms(values, None if config.decoders == "plain" else mask_of(FORM))
        bound, latent = model(images), terms.latent
        found = (
            values,
            latent.values,
            latent.cost,
            terms.errors,
            model.decode(latent.values),
            model.log_weights(images),
        )
        assert {one.dtype for one in (*found, bound.log_likelihood, bound.divergence)} == {dtype}
        if model.has_prior:
            assert model.draw_latent(2).dtype is dtype


@every_model
def test_a_model_comes_back_from_its_file_with_the_same_answers(config: Config, tmp_path: Path) -> None:
    model = build(config, double=False)
    model.terms(values_of(model), None if config.decoders == "plain" else mask_of(FORM))  # moves the running statistics
    save_model(model.eval(), config, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", config)
    assert isinstance(again, MultitaskModel) and again.tasks == model.tasks and again.image_format == FORM
    values, mask = values_of(model), mask_of(FORM)
    for one in (model, again):
        with seeded(3):
            latent = one.encode(values)
        reconstructions = [latent.values, latent.cost, one.decode(latent.values)]
        if config.decoders != "plain":
            reconstructions.append(one.decode_given(latent.values, apply_mask(values, mask)))
        if one is model:
            wanted = reconstructions
    assert all(torch.equal(one, other) for one, other in zip(reconstructions, wanted, strict=True))


@either_kind
def test_a_plain_model_refuses_known_pixels(make: Any) -> None:
    model = build(make())
    values, mask = values_of(model), mask_of(FORM)
    latent = model.encode(values).values
    for ask in (lambda: model.terms(values, mask), lambda: model.decode_given(latent, apply_mask(values, mask))):
        with pytest.raises(
            SettingError, match="has one decoder, which takes no known pixels; one with decoders 'multi'"
        ):
            ask()


@every_model
def test_images_of_another_format_are_refused(config: Config) -> None:
    model = build(config)
    with pytest.raises(DataError, match="images of 2×8×12 with 3 bits; it got 1×8×12"):
        model(images_of(FORM)[:, :1])
    with pytest.raises(DataError, match="values 0 to 7; it got"):
        model.as_values(images_of(FORM) + 5)
    with pytest.raises(DataError, match=r"values of 2×8×12 \(channels, height, width\); it got 2×12×8"):
        model.as_values(values_of(model).movedim(2, 3))


@either_kind
def test_whole_numbers_count_as_shares_and_real_values_as_what_they_are(make: Any) -> None:
    model = build(make())
    images = torch.arange(8).repeat(24).view(1, 2, 8, 12)
    torch.testing.assert_close(model.as_values(images).flatten()[:8], torch.linspace(0, 1, 8, dtype=torch.float64))
    field = torch.linspace(-3, 5, 192).view(1, 2, 8, 12)
    assert torch.equal(model.as_values(field), field.double())


@pytest.mark.parametrize(
    ("make", "settings", "says"),
    [
        (gaussian, {"widths": ()}, r"widths must be one number or several, each 1 or more; it is \[\]."),
        (gaussian, {"widths": (4, 0)}, r"widths must be one number or several, each 1 or more; it is \[4, 0\]."),
        (gaussian, {"latent_size": 0}, "latent_size must be 1 or more; it is 0."),
        (vq, {"widths": (4,)}, r"widths must be two numbers, each 1 or more; it is \[4\]."),
        (vq, {"widths": (4, 0)}, r"widths must be two numbers, each 1 or more; it is \[4, 0\]."),
        (vq, {"embeddings": 1}, "embeddings must be 2 or more; it is 1."),
        (vq, {"embedding_size": 0}, "embedding_size must be 1 or more; it is 0."),
        (vq, {"residual_layers": -1}, "residual_layers must be 0 or more; it is -1."),
        (vq, {"commitment": -0.1}, "commitment must be a number from 0 up; it is -0.1."),
        (vq, {"codebook_decay": 1.0}, "codebook_decay must be between 0 and 1; it is 1.0."),
        (vq, {"revive_below": 0.0}, "revive_below must be between 0 and 1; it is 0.0."),
    ],
)
def test_settings_that_make_no_model_are_refused_by_name(make: Any, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=f"^{says}$"):
        make(**settings)
