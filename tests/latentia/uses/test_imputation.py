from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.latentia.models.mean_filler import NOISE, MeanFiller

from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.masks import apply_mask
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.uses import Imputation, impute

FORMAT = ImageFormat(channels=2, height=4, width=6)


def values(count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, *FORMAT.shape, generator=torch.Generator().manual_seed(seed))


def masks(count: int = 3, share: float = 0.3) -> torch.Tensor:
    drawn = torch.rand(count, 1, 4, 6, generator=torch.Generator().manual_seed(1)) < share
    drawn[:, :, 0, 0] = True
    return drawn


def same(one: Imputation, other: Imputation) -> bool:
    pairs = ((getattr(one, name), getattr(other, name)) for name in Imputation.__annotations__)
    return all(torch.allclose(first, second, equal_nan=True, atol=0, rtol=0) for first, second in pairs)


def test_z_alone_and_z_with_pixels_are_of_the_whole_image_and_samples_are_of_the_prior() -> None:
    truth, mask = values(), masks()
    found = impute(MeanFiller(FORMAT), truth, mask, samples=400)
    mean = truth.mean((1, 2, 3))[:, None, None, None]
    assert float((found.from_latent - mean).abs().max()) < 5 * NOISE
    assert torch.equal(found.from_both, torch.where(mask, truth, found.from_latent))
    elsewhere = found.from_pixels[:, 0, 0][:, ~mask[0, 0]]
    assert float(elsewhere.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(elsewhere.std()) == pytest.approx(0.25, abs=0.03)
    assert bool((elsewhere == elsewhere[:, :1]).all())


def test_what_stands_at_unknown_pixels_has_no_part_in_the_samples() -> None:
    truth, mask = values(), masks()
    spoiled = torch.where(mask, truth, 1 - truth)
    first, second = (impute(MeanFiller(FORMAT), one, mask) for one in (truth, spoiled))
    assert torch.equal(first.from_pixels, second.from_pixels)
    assert not torch.equal(first.from_latent, second.from_latent)


def test_an_image_that_is_not_whole_is_imputed_from_its_pixels_alone() -> None:
    truth, mask = values(), masks()
    holes = truth.clone()
    holes[1, :, ~mask[1, 0]] = math.nan
    holes[2, 0, ~mask[2, 0]] = math.inf
    found, whole = (impute(MeanFiller(FORMAT), one, mask) for one in (holes, truth))
    assert torch.equal(found.from_pixels, whole.from_pixels)
    assert torch.equal(found.from_latent[0], whole.from_latent[0])
    assert torch.equal(found.from_both[0], whole.from_both[0])
    for one in (found.from_latent, found.from_both, found.squared_error(found.mean)[:, None]):
        assert one[1:].isnan().all() and not one[0].isnan().any()
    assert found.completed.isfinite().all()


def test_the_mean_and_the_deviation_are_those_of_the_samples() -> None:
    found = impute(MeanFiller(FORMAT), values(), masks(), samples=5)
    torch.testing.assert_close(found.mean, found.from_pixels.sum(0) / 5)
    variance = (found.from_pixels - found.mean).square().sum(0) / 4
    torch.testing.assert_close(found.standard_deviation, variance.sqrt())
    assert torch.equal(found.completed, torch.where(found.mask, found.originals, found.mean))
    alone = impute(MeanFiller(FORMAT), values(), masks(), samples=1)
    assert alone.standard_deviation.isnan().all()


def test_errors_are_means_over_all_numbers_or_over_those_at_unknown_places() -> None:
    mask = torch.zeros(3, 1, 1, 3, dtype=torch.bool)
    mask[:2, ..., 0] = True
    mask[2] = True
    original = torch.zeros(3, 2, 1, 3)
    estimate = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 0.0, 2.0]]]).expand(3, 2, 1, 3).clone()
    found = Imputation(
        originals=original, mask=mask, from_latent=estimate, from_both=estimate, from_pixels=estimate[None]
    )
    assert found.squared_error(estimate).tolist() == pytest.approx([14 / 6] * 3)
    assert found.squared_error(estimate, unknown=True)[:2].tolist() == [5 / 4, 5 / 4]
    assert math.isnan(float(found.squared_error(estimate, unknown=True)[2]))


def test_the_prior_is_told_what_is_known() -> None:
    model, truth, mask = MeanFiller(FORMAT), values(), masks()
    impute(model, truth, mask, samples=2, batch=2)
    wanted = apply_mask(truth, mask)
    assert [len(one) for one in model.conditions] == [2, 2, 1, 1]
    assert all(torch.equal(one, wanted[:2]) for one in model.conditions[:2])
    assert all(torch.equal(one, wanted[2:]) for one in model.conditions[2:])


def test_the_temperature_scales_what_the_samples_differ_by() -> None:
    cold, warm = (
        impute(MeanFiller(FORMAT), values(), masks(), samples=4, temperature=heat).from_pixels for heat in (0.0, 0.5)
    )
    full = impute(MeanFiller(FORMAT), values(), masks(), samples=4).from_pixels
    assert torch.equal(cold, cold[:1].expand_as(cold))
    torch.testing.assert_close(warm - cold, (full - cold) / 2)


def test_the_same_seed_draws_the_same_and_more_samples_begin_with_those_of_fewer() -> None:
    model, truth, mask = MeanFiller(FORMAT), values(), masks()
    torch.manual_seed(3)
    first = impute(model, truth, mask, seed=7)
    torch.manual_seed(4)
    assert same(first, impute(model, truth, mask, seed=7))
    assert torch.equal(impute(model, truth, mask, samples=3, seed=7).from_pixels, first.from_pixels[:3])
    other = impute(model, truth, mask, seed=8)
    assert not torch.equal(other.from_latent, first.from_latent)
    assert len(torch.cat([first.from_pixels, other.from_pixels])[:, 0, 0, mask[0, 0] == 0][:, 0].unique()) == 16


def test_one_mask_serves_all_images() -> None:
    truth, mask = values(), masks(1)
    found = impute(MeanFiller(FORMAT), truth, mask)
    assert same(found, impute(MeanFiller(FORMAT), truth, mask.expand(3, -1, -1, -1)))


def test_images_of_whole_numbers_are_taken_as_shares() -> None:
    whole = torch.arange(2 * 24, dtype=torch.uint8).reshape(1, *FORMAT.shape) * 5
    found = impute(MeanFiller(FORMAT), whole, masks(1))
    assert torch.equal(found.originals, whole / 255)


def test_without_samples_nothing_is_drawn_from_the_prior() -> None:
    model = MeanFiller(FORMAT)
    found = impute(model, values(), masks(), samples=0)
    assert found.from_pixels.shape == (0, 3, *FORMAT.shape) and not model.conditions
    assert found.from_both.isfinite().all()


CONFIGS: dict[str, Any] = {
    "multi Gaussian": MultitaskGaussianVAEConfig(widths=(4, 4), latent_size=2, decoders="multi"),
    "single Gaussian": MultitaskGaussianVAEConfig(
        widths=(4, 4), latent_size=2, decoders="single", condition="convolution"
    ),
    "multi VQ": VQVAEConfig(embeddings=4, embedding_size=2, widths=(4, 4), decoders="multi"),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_library_s_models_answer_with_their_decoders(name: str, dtype: torch.dtype) -> None:
    model = CONFIGS[name].build(ImageFormat(channels=2, height=4, width=8)).to(dtype)
    truth = torch.rand(3, 2, 4, 8, dtype=torch.float64)
    mask = torch.rand(3, 1, 4, 8) < 0.4
    mask[:, :, 1, 1] = True
    found = impute(model, truth, mask, samples=2 if model.has_prior else 0)
    assert {one.dtype for one in (found.from_latent, found.from_both, found.from_pixels, found.mean)} == {dtype}
    assert model.training
    model.eval()
    if name == "multi VQ":  # whose latent variables are no draws
        latent = model.encode(truth.to(dtype)).values
        torch.testing.assert_close(found.from_latent, model.decode(latent))
        torch.testing.assert_close(found.from_both, model.decode_given(latent, apply_mask(truth.to(dtype), mask)))
    else:
        cold = impute(model, truth, mask, samples=1, temperature=0).from_pixels[0]
        torch.testing.assert_close(
            cold, model.decode_given(torch.zeros(3, 2, dtype=dtype), apply_mask(truth, mask).to(dtype))
        )


def test_codes_without_a_prior_cannot_be_drawn() -> None:
    model = CONFIGS["multi VQ"].build(ImageFormat(channels=2, height=4, width=8))
    with pytest.raises(SettingError, match=r"no prior to draw codes from yet: `latentia prior` learns one\.$"):
        impute(model, torch.rand(1, 2, 4, 8), torch.ones(1, 1, 4, 8, dtype=torch.bool))


def test_a_model_with_one_plain_decoder_takes_no_known_pixels() -> None:
    model = replace(CONFIGS["multi Gaussian"], decoders="plain").build(FORMAT)
    with pytest.raises(SettingError, match=r"^This model has one decoder, which takes no known pixels"):
        impute(model, values(), masks())


def test_nothing_known_is_for_single_decoders_alone() -> None:
    nothing = torch.zeros(3, 1, 4, 6, dtype=torch.bool)
    assert impute(MeanFiller(FORMAT, "single"), values(), nothing).from_pixels.isfinite().all()
    assert impute(MeanFiller(FORMAT), values(), nothing, may_know_nothing=True).from_pixels.isfinite().all()
    with pytest.raises(DataError, match=r"^No pixel given: mask 2 knows none; only a model with decoders 'single'"):
        impute(MeanFiller(FORMAT), values(), masks() & (torch.arange(3) < 2)[:, None, None, None])
    with pytest.raises(DataError, match=r"^No pixel given: the mask knows none;"):
        impute(MeanFiller(FORMAT), values(), nothing[:1])


def test_a_field_may_leave_the_range_of_an_image() -> None:
    wide = values() * 3 - 1
    assert torch.equal(impute(MeanFiller(FORMAT), wide, masks(), field=True).originals, wide)
    with pytest.raises(DataError, match=r"^Images as floats are shares of white, 0 to 1; these have -0\.9.* to 1\.9"):
        impute(MeanFiller(FORMAT), wide, masks())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": torch.ones(1, 1, 5, 6) > 0}, r"The mask has 5×6 pixels \(height, width\); the images have 4×6\."),
        ({"mask": torch.ones(2, 1, 4, 6) > 0}, "There are 2 masks for 3 images; wanted one for all, or one for each."),
        (
            {"values": torch.rand(3, 2, 6, 4)},
            r"The model wants values of 2×4×6 \(channels, height, width\); it got 2×6×4\.",
        ),
        ({"values": torch.rand(0, *FORMAT.shape), "mask": masks(1)}, "At least one image is wanted; there is none."),
        (
            {"values": torch.where(masks() & (torch.arange(3) == 1)[:, None, None, None], torch.nan, values())},
            "Image 1 has NaN or infinite values at pixels that are known.",
        ),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    settings = {"values": values(), "mask": masks(), **changes}
    with pytest.raises(DataError, match=f"^{message}$"):
        impute(MeanFiller(FORMAT), settings.pop("values"), settings.pop("mask"))


def test_a_wish_without_sense_is_one_sentence() -> None:
    with pytest.raises(SettingError, match=r"^samples must be 0 or more; it is -1\.$"):
        impute(MeanFiller(FORMAT), values(), masks(), samples=-1)
    with pytest.raises(SettingError, match=r"^A temperature is a number from 0 up, not nan\.$"):
        impute(MeanFiller(FORMAT), values(), masks(), temperature=math.nan)
