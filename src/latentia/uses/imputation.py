"""Imputation: what a multitask model makes of an image of which some pixels are known (thesis B 3.1, Figure 3.1).

Values are in the model's unit: images as shares of white, 0 … 1, and fields as `FieldSet` scales them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.masks import apply_mask
from latentia.models.base import MultitaskModel
from latentia.randomness import seeded
from latentia.uses.latents import POSTERIOR, PRIOR, require_temperature

Values = Float[Tensor, "images channels height width"]


@dataclass(frozen=True, kw_only=True)
class Imputation:
    """Images of which some pixels are known, and three reconstructions of them."""

    originals: Values
    """As they were given; NaN where nothing was."""
    mask: Bool[Tensor, "images 1 height width"]
    """True where a pixel is known."""
    from_latent: Values
    """From the whole image's latent variables, by the decoder that knows nothing else, or a single one that is told of
    no pixel; NaN for an image that is not whole."""
    from_both: Values
    """From the same latent variables and the known pixels; NaN for an image that is not whole."""
    from_pixels: Float[Tensor, "samples images channels height width"]
    """From the known pixels alone: each sample has latent variables of its own from the prior."""

    @property
    def mean(self) -> Values:
        """Over the samples: the estimate where the known pixels are all there is."""
        return self.from_pixels.mean(0)

    @property
    def standard_deviation(self) -> Values:
        """Over the samples: how unsure the model is. NaN with fewer than two."""
        if len(self.from_pixels) < 2:
            return torch.full_like(self.mean, torch.nan)
        return self.from_pixels.std(0)

    @property
    def completed(self) -> Values:
        """The known pixels as they were given, and the mean over the samples everywhere else."""
        return torch.where(self.mask, self.originals, self.mean)

    def squared_error(self, estimate: Values, *, unknown: bool = False) -> Float[Tensor, " images"]:
        """Mean of an estimate's squared error over an image's numbers, or over those at unknown places alone.

        NaN for an image that is not whole, or that has no such place.
        """
        counted = ~self.mask if unknown else torch.ones_like(self.mask)
        errors = (estimate - self.originals).square().mean(1, keepdim=True)
        # Not multiplied: at known places an estimate may be anything.
        return (torch.where(counted, errors, 0).flatten(1).sum(1) / counted.flatten(1).sum(1)).to(errors)


def impute(
    model: MultitaskModel,
    values: Shaped[Tensor, "images channels height width"],
    mask: Bool[Tensor, "masks 1 rows columns"],
    *,
    samples: int = 8,
    temperature: float = 1.0,
    batch: int = 64,
    seed: int = 0,
    field: bool = False,
    may_know_nothing: bool = False,
) -> Imputation:
    """Reconstruct images from their latent variables, from these with the known pixels, and from known pixels alone.

    `values` are images of whole numbers, or floats; NaN may stand at unknown places, of which nothing is read then. One
    mask is for all images, or there is one for each. With 0 `samples` nothing is drawn from the prior; the temperature
    scales its standard deviation. The same seed and batch draw the same, and more samples begin with the same ones.
    Floats of images are 0 to 1; those of a `field` may leave that range. A mask may know nothing where the model has a
    single decoder, or `may_know_nothing` says that its own masks did at times.

    Errors: SettingError where the model takes no known pixels, or has no prior yet to draw samples from; DataError
    where values or mask are of another size than the model's, values are out of range or not there at a known pixel, or
    a mask knows nothing that may not.
    """
    require_temperature(temperature)
    if samples < 0:
        raise SettingError(f"samples must be 0 or more; it is {samples}.")
    truth = model.as_values(values).detach().cpu()
    known = _masks(mask, truth, may_know_nothing or model.decoders == "single")
    _check_values(values, truth, known, field=field)
    truth = torch.where(truth.isfinite(), truth, torch.nan)
    whole = truth.isfinite().flatten(1).all(1)
    from_latent, from_both = torch.empty_like(truth), torch.empty_like(truth)
    from_pixels = truth.new_empty(samples, *truth.shape)
    with evaluation_mode(model) as device:
        for block in blocks(len(truth), batch):
            given = apply_mask(truth[block], known[block]).to(device)
            with seeded(seed, POSTERIOR, block.start, device=device):
                latent = model.encode(truth[block].nan_to_num().to(device)).values
            from_latent[block] = model.decode(latent).cpu()
            from_both[block] = model.decode_given(latent, given).cpu()
            for number in range(samples):
                with seeded(seed, PRIOR, number, block.start, device=device):
                    drawn = model.draw_latent(len(given), temperature, given)
                from_pixels[number, block] = model.decode_given(drawn, given).cpu()
    from_latent[~whole], from_both[~whole] = torch.nan, torch.nan
    return Imputation(
        originals=truth, mask=known, from_latent=from_latent, from_both=from_both, from_pixels=from_pixels
    )


def _masks(mask: Tensor, truth: Tensor, may_know_nothing: bool) -> Bool[Tensor, "images 1 height width"]:
    """Give a mask for each image. Errors: DataError."""
    count, _, *size = truth.shape
    if list(mask.shape[2:]) != size:
        got, wanted = ("×".join(map(str, one)) for one in (mask.shape[2:], size))
        raise DataError(f"The mask has {got} pixels (height, width); the images have {wanted}.")
    if len(mask) not in (1, count):
        raise DataError(f"There are {len(mask)} masks for {count} images; wanted one for all, or one for each.")
    empty = torch.nonzero(~mask.flatten(1).any(1)).flatten().tolist()
    if empty and not may_know_nothing:
        which = f"mask {empty[0]}" if len(mask) > 1 else "the mask"
        raise DataError(
            f"No pixel given: {which} knows none; only a model with decoders 'single', or one whose masks have an "
            "exponent, is trained to know nothing too."
        )
    return mask.cpu().expand(count, -1, -1, -1)


def _check_values(values: Tensor, truth: Tensor, known: Tensor, *, field: bool) -> None:
    """Errors: DataError where floats are not shares of white, or are not there where they are known."""
    finite = truth.isfinite()
    missing = (known & ~finite).flatten(1).any(1)
    if missing.any():
        place = int(missing.nonzero()[0])
        raise DataError(f"Image {place} has NaN or infinite values at pixels that are known.")
    there = truth[finite]
    if not field and values.is_floating_point() and len(there) and not 0 <= there.min() <= there.max() <= 1:
        raise DataError(
            f"Images as floats are shares of white, 0 to 1; these have {there.min():.4g} to {there.max():.4g}."
        )
