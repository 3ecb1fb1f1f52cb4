"""Pictures of what the uses give: grids of images, as arrays and as PNG files.

A picture is an array of bytes, (height, width, 3), grey ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from latentia.errors import SettingError
from latentia.files import atomic_path
from latentia.uses.colours import DRAWN_CHANNELS, Colours
from latentia.uses.imputation import Imputation
from latentia.uses.interpolation import Interpolation
from latentia.uses.neighbourhood import Neighbourhood
from latentia.uses.reconstruction import Reconstruction
from latentia.uses.sampling import Samples
from latentia.uses.traversal import Traversal

Picture = UInt8[np.ndarray, "_ _ 3"]
GAP = 2
WHITE = 255
FRAME = (1.0, 0.3, 0.0)
"""Around the image among its samples: an orange that no grey image has; shares of red, green and blue."""
WIDEST = 16
"""Samples in a row; more of them go on in the next one."""
SMALLEST = 64
"""Images with a shorter side are enlarged by a whole factor, pixel by pixel, until it reaches this."""
TEXT = 14
"""Height of letters, in pixels."""
APART = ((6 * GAP, 0), (0, 0), (0, 0))
"""White above what belongs to another image."""
SHOWN_SAMPLES = 3
"""Of imputed images, each a row; the others are in the mean."""


def draw_grid(
    images: Integer[Tensor, "rows columns channels height width"],
    levels: int,
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    smallest: int = SMALLEST,
    gap: int = GAP,
) -> Picture:
    """Set images beside and below one another on white; labels stand to the left of rows and above columns.

    Errors: SettingError where images have neither one channel nor three, or labels are not as many as what they label.
    """
    rows, columns, channels, height, width = images.shape
    if channels not in DRAWN_CHANNELS:
        raise SettingError(f"Pictures are drawn of images with 1 or 3 channels, not {channels}.")
    for labels, wanted, what in ((row_labels, rows, "rows"), (column_labels, columns, "columns")):
        if labels and len(labels) != wanted:
            raise SettingError(f"The grid has {wanted} {what} and {len(labels)} labels for them.")
    zoom = max(1, -(-smallest // min(height, width)))
    grey = (images.double() * (255 / (levels - 1))).round().to(torch.uint8)
    large = grey.repeat_interleave(zoom, -2).repeat_interleave(zoom, -1)
    framed = torch.nn.functional.pad(large, (0, gap, 0, gap), value=WHITE)
    coloured = framed.expand(-1, -1, 3, -1, -1)
    picture = coloured.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    return _label(picture.numpy(), row_labels, column_labels)


def draw_samples(samples: Samples, levels: int) -> Picture:
    """Draw a row, or as many as it takes, for each temperature; what stands below one another has the same noise.

    Source: Figure A.2.
    """
    temperatures, count, *_ = samples.images.shape
    columns = min(count, WIDEST)
    rows = -(-count // columns)
    missing = samples.images.new_full((temperatures, rows * columns - count, *samples.images.shape[2:]), levels - 1)
    wrapped = torch.cat([samples.images, missing], 1).view(-1, columns, *samples.images.shape[2:])
    labels = [f"temperature {number:g}" if row == 0 else "" for number in samples.temperatures for row in range(rows)]
    return draw_grid(wrapped, levels, row_labels=labels)


def draw_interpolation(interpolation: Interpolation, levels: int) -> Picture:
    """Draw a row for each pair: the first image, the frames with the last one's share, the last image (Figure 4.7)."""
    ends = (interpolation.first[:, None], interpolation.last[:, None])
    shares = [f"{share:.0%}" for share in interpolation.shares.tolist()]
    return draw_grid(
        torch.cat([ends[0], interpolation.frames, ends[1]], 1), levels, column_labels=["image", *shares, "image"]
    )


def draw_reconstruction(reconstruction: Reconstruction, levels: int) -> Picture:
    """Draw the images above their reconstructions."""
    both = torch.stack([reconstruction.originals, reconstruction.images.to(reconstruction.originals)])
    return draw_grid(both, levels, row_labels=["image", "reconstruction"])


def draw_imputation(imputation: Imputation, colours: Colours) -> Picture:
    """Draw a column for each image: it, what is known, and the reconstructions; without those that there are not."""
    known = imputation.originals.masked_fill(~imputation.mask, torch.nan)
    rows = {
        "original": imputation.originals,
        "known": known,
        "from z": imputation.from_latent,
        "from z and known": imputation.from_both,
    }
    if imputation.from_latent.isnan().all():  # no image is whole
        rows = {"known": known}
    shown = {name: colours.show(values) for name, values in rows.items()}
    if count := len(imputation.from_pixels):
        shown[f"from known: mean of {count}"] = colours.show(imputation.mean)
        if count > 1:
            deviation, largest = colours.show_deviation(imputation.standard_deviation)
            shown[f"standard deviation, to {largest}"] = deviation
        for number, values in enumerate(imputation.from_pixels[:SHOWN_SAMPLES], start=1):
            shown[f"sample {number}"] = colours.show(values)
    # Twice as large as other pictures, so that single pixels can be seen.
    return draw_grid(torch.stack(list(shown.values())), 256, row_labels=list(shown), smallest=2 * SMALLEST)


def draw_neighbourhood(around: Neighbourhood, levels: int, *, place: int = 0) -> Picture:
    """Draw a 3×3 grid for each number of kept layers (rows) and temperature (columns), the image framed in the centre.

    `place` says which of the images (Figure A.3). Errors: SettingError where there are not eight samples of each.
    """
    samples = around.samples[place]
    if samples.shape[2] != 8:
        raise SettingError(f"A 3×3 grid is drawn of 8 samples around an image, not of {samples.shape[2]}.")
    centre = around.originals[place].to(samples).expand(*samples.shape[:2], 1, -1, -1, -1)
    nine = torch.unflatten(torch.cat([samples[:, :, :4], centre, samples[:, :, 4:]], 2), 2, (3, 3))
    height, width = nine.shape[-2:]
    apart = torch.nn.functional.pad(nine, (0, 1, 0, 1), value=levels - 1)
    cells = apart.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4).expand(-1, -1, 3, -1, -1).clone()
    frame = (torch.tensor(FRAME) * (levels - 1)).round().to(cells)[:, None, None]
    middle = cells[..., height : 2 * height + 2, width : 2 * width + 2]
    image = middle[..., 1:-1, 1:-1].clone()
    middle.copy_(frame)
    middle[..., 1:-1, 1:-1] = image
    return draw_grid(
        cells,
        levels,
        row_labels=[f"{number} kept" for number in around.kept_layers],
        column_labels=[f"temperature {number:g}" for number in around.temperatures],
        smallest=3 * SMALLEST,
        gap=6 * GAP,
    )


def draw_neighbours(
    queries: Integer[Tensor, "queries channels height width"],
    found: Integer[Tensor, "queries neighbours channels height width"],
    levels: int,
) -> Picture:
    """Draw a row for each sample: the sample, then the images found for it, nearest first (Figure A.1)."""
    labels = ["sample", *(f"nearest {number}" for number in range(1, found.shape[1] + 1))]
    return draw_grid(torch.cat([queries[:, None], found.to(queries)], 1), levels, column_labels=labels)


def draw_traversal(traversal: Traversal, levels: int) -> Picture:
    """Draw for each image a row for each latent dimension, the image itself at its left; below it those of the next.

    Labels are the dimension's number from 0 and its divergence.
    """
    dimensions = traversal.images.shape[1]
    labels = [f"z{place}: {traversal.divergence_nats[place]:.2f} nats" for place in traversal.dimensions.tolist()]
    first = traversal.originals.to(traversal.images)[:, None, None].expand(-1, dimensions, -1, -1, -1, -1)
    rows = torch.cat([first, traversal.images], 2)
    columns = ["image", *(f"{value:g}" for value in traversal.values)]
    blocks = [draw_grid(rows[0], levels, row_labels=labels, column_labels=columns)]
    for others in rows[1:]:
        blocks.append(np.pad(draw_grid(others, levels, row_labels=labels), APART, constant_values=WHITE))
    return np.concatenate(blocks)


def write_png(picture: Picture, path: Path) -> None:
    """Write a picture. Errors: OSError where `path` cannot be written."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)


def _label(picture: Picture, row_labels: Sequence[str], column_labels: Sequence[str]) -> Picture:
    if not row_labels and not column_labels:
        return picture
    font = ImageFont.load_default(TEXT)
    left = max((int(font.getlength(text)) + 5 * GAP for text in row_labels), default=0)
    top = TEXT + 3 * GAP if column_labels else 0
    image = Image.fromarray(np.pad(picture, [(top, 0), (left, 0), (0, 0)], constant_values=WHITE))
    draw = ImageDraw.Draw(image)
    for place, text in enumerate(row_labels):
        middle = top + (place + 0.5) * picture.shape[0] / len(row_labels)
        draw.text((GAP, middle), text, fill="black", font=font, anchor="lm")
    for place, text in enumerate(column_labels):
        middle = left + (place + 0.5) * picture.shape[1] / len(column_labels)
        draw.text((middle, top / 2), text, fill="black", font=font, anchor="mm")
    return np.asarray(image)
