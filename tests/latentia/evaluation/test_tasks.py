"""Figures of reconstructions, checked on a model whose answers are simple enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from latentia.errors import DataError, SettingError
from latentia.evaluation.tasks import TaskFigures, evaluate_tasks
from latentia.images import ImageFormat
from latentia.layers.condition import ConditionalDecoder
from latentia.masks import Masking
from latentia.models.base import Decoders, Inference, Latent, MultitaskModel

FORM = ImageFormat(channels=1, height=2, width=3, bits=2)


class Spread(nn.Module):
    """Every pixel has the one latent variable, but for known ones, which have their values. Remembers the masks."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: list[Tensor] = []

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        everywhere = latent[:, :, None, None].expand(-1, 1, FORM.height, FORM.width)
        if condition is None:
            return everywhere
        self.masks.append(condition[:, 1:] > 0)
        return torch.where(self.masks[-1], condition[:, :1], everywhere)


class MeanModel(MultitaskModel):
    """The latent variable is an image's mean, with `noise`; the cost is 10 times that. Its code: is the mean over ½?"""

    def __init__(self, decoders: Decoders, *, noise: float = 0.0, codes: bool = False) -> None:
        super().__init__()
        self.image_format, self.decoders, self.error_weight = FORM, decoders, 1.0
        self.codebook_size = 2 if codes else None
        self.noise = nn.Parameter(torch.tensor(noise, dtype=torch.float64))
        self.spread = Spread()
        decoder = ConditionalDecoder(self.spread, nn.Identity())
        self.decoder = None if decoders == "single" else decoder
        self.conditioned_decoder = None if decoders == "plain" else decoder

    @property
    def latent_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((1,),)

    @property
    def has_prior(self) -> bool:
        return False

    def encode(self, values: Tensor) -> Latent:
        assert not self.training and not torch.is_grad_enabled()
        mean = values.mean((2, 3))
        codes = (mean > 0.5).long() if self.codebook_size else None
        return Latent(values=mean + self.noise * torch.randn_like(mean), cost=10 * mean[:, 0], codes=codes)

    def infer(self, images: Tensor) -> Inference:
        raise NotImplementedError

    def draw_latent(self, count: int, temperature: float = 1.0, condition: Tensor | None = None) -> Tensor:
        raise NotImplementedError


IMAGES = torch.tensor([[[0, 3, 3], [3, 0, 0]], [[3, 3, 3], [3, 3, 3]], [[3, 0, 0], [0, 0, 0]]])[:, None]
GRID = Masking(places="grid")
"""Knows the first pixel alone of so small an image."""


def random_images(count: int) -> Tensor:
    return torch.randint(4, (count, *FORM.shape), generator=torch.Generator().manual_seed(0))


def all_figures(figures: TaskFigures) -> list[Tensor]:
    found = (figures.unconditioned, figures.conditioned, figures.known, figures.cost)
    return [one for one in found if one is not None]


def test_figures_are_those_worked_out_by_hand() -> None:
    figures = evaluate_tasks(MeanModel("multi", codes=True), IMAGES, GRID)
    assert figures.unconditioned.tolist() == pytest.approx([1 / 4, 0, (25 + 5) / 36 / 6])
    assert figures.conditioned is not None and figures.known is not None and figures.usage is not None
    assert figures.conditioned.tolist() == pytest.approx([5 / 4 / 6, 0, 5 / 36 / 6])
    assert figures.known.tolist() == [1, 1, 1]
    assert figures.cost.tolist() == pytest.approx([5, 10, 10 / 6])
    # Codes 0, 1, 0: the entropy is log 3 − ⅔ log 2.
    assert (figures.usage.used, figures.usage.count) == (2, 2)
    assert figures.usage.perplexity == pytest.approx(3 / 2 ** (2 / 3))
    assert {one.dtype for one in all_figures(figures)} == {torch.float64}


def test_real_values_are_measured_as_whole_numbers_are() -> None:
    whole, real = (evaluate_tasks(MeanModel("multi"), values, GRID) for values in (IMAGES, IMAGES / 3))
    for one, other in zip(all_figures(whole), all_figures(real), strict=True):
        torch.testing.assert_close(one, other)


def test_without_masking_no_pixel_is_known() -> None:
    wanted = evaluate_tasks(MeanModel("multi"), IMAGES, GRID)
    decoders: Any
    for decoders in ("plain", "multi", "single"):
        figures = evaluate_tasks(MeanModel(decoders), IMAGES)
        assert figures.conditioned is None and figures.known is None and figures.usage is None
        torch.testing.assert_close(figures.unconditioned, wanted.unconditioned)


def test_a_single_decoder_is_measured_with_an_empty_mask_and_with_known_pixels() -> None:
    one, two = (evaluate_tasks(MeanModel(decoders), IMAGES, GRID) for decoders in ("single", "multi"))  # type: ignore[arg-type]
    for single, multi in zip(all_figures(one), all_figures(two), strict=True):
        assert torch.equal(single, multi)


@pytest.mark.parametrize("masking", [Masking(share=0.4), Masking(number=2, duplicates=False), Masking(exponent=1.5)])
def test_masks_and_figures_are_the_same_in_batches_of_any_size_and_beside_other_images(masking: Masking) -> None:
    images = random_images(20)
    seen = []
    for count, batch in ((20, 64), (20, 20), (20, 7), (20, 1), (13, 4)):
        model = MeanModel("multi")
        figures = evaluate_tasks(model, images[:count], masking, batch=batch)
        masks = torch.cat(model.spread.masks)
        assert figures.known is not None and torch.equal(figures.known, masks.sum((1, 2, 3)).double())
        seen.append([one[:13] for one in (masks, *all_figures(figures))])
    for other in seen[1:]:
        for expected, found in zip(seen[0], other, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)
    assert len(seen[0][0].unique(dim=0)) > 3  # each image has a mask of its own


def test_as_many_pixels_are_known_as_the_masking_says() -> None:
    figures = evaluate_tasks(MeanModel("multi"), random_images(9), Masking(number=4, duplicates=False))
    assert figures.known is not None and figures.known.tolist() == [4.0] * 9


def test_masks_are_drawn_for_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all images at once, with the numbers they are drawn from, can be larger than the images."""
    counts = []
    draw = Masking.draw

    def counted(self: Masking, keys: Sequence[int], height: int, width: int) -> Tensor:
        counts.append(len(keys))
        return draw(self, keys, height, width)  # type: ignore[arg-type]

    monkeypatch.setattr(Masking, "draw", counted)
    evaluate_tasks(MeanModel("multi"), random_images(10), Masking(share=0.4), batch=4)
    assert counts == [4, 4, 2]


def test_the_seed_decides_masks_and_draws_and_the_callers_random_state_stays() -> None:
    images, state = random_images(20), torch.get_rng_state()
    first, again, other = (
        evaluate_tasks(MeanModel("multi", noise=0.3), images, Masking(share=0.4), seed=seed) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one, two) for one, two in zip(all_figures(first), all_figures(again), strict=True))
    assert not torch.equal(first.unconditioned, other.unconditioned)
    assert first.known is not None and other.known is not None and not torch.equal(first.known, other.known)


def test_both_reconstructions_are_of_the_same_draw() -> None:
    """With one pixel of six known, and the other five as wrong as before."""
    images = torch.full((4, *FORM.shape), 3)
    figures = evaluate_tasks(MeanModel("multi", noise=0.3), images, GRID)
    assert figures.conditioned is not None and (figures.unconditioned > 0).all()
    torch.testing.assert_close(figures.conditioned, figures.unconditioned * 5 / 6)


def test_the_model_is_left_in_the_mode_it_was_in() -> None:
    model = MeanModel("multi")
    evaluate_tasks(model, IMAGES, GRID)
    assert model.training and model.noise.grad is None


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(DataError, match="At least one image is wanted"):
        evaluate_tasks(MeanModel("multi"), IMAGES[:0], GRID)
    with pytest.raises(DataError, match="1×2×3 with 2 bits; it got 1×2×2"):
        evaluate_tasks(MeanModel("multi"), IMAGES[..., :2], GRID)
    with pytest.raises(SettingError, match="has one decoder, which takes no known pixels"):
        evaluate_tasks(MeanModel("plain"), IMAGES, GRID)
