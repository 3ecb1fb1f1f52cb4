"""One split of a data set with known factors, as images that are mapped from a prepared file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from latentia.data.factors import Factors
from latentia.data.images import ImageSet, Source, Split
from latentia.data.prepared import Blocks, mapped_images
from latentia.images import ImageFormat

BLOCK = 256
"""How many images are read or drawn together."""


def load_part(
    places: Int64[np.ndarray, " images"],
    split: Split,
    *,
    name: str,
    title: str,
    image_format: ImageFormat,
    source: Source,
    files: Sequence[Path] = (),
    blocks: Callable[[], Blocks],
) -> ImageSet:
    """Images of these numbers, which are their labels; `blocks` gives them in that order, with 8 bits.

    They are prepared once, under a name that follows from `title`, the numbers and the files they come from.
    """
    chosen = hashlib.sha256(places.tobytes()).hexdigest()[:16]
    images = mapped_images(files, title=f"{title} {chosen}", image_format=image_format, blocks=blocks)
    return ImageSet(images=images, labels=places, format=image_format, name=name, split=split, source=source)


def chunks(places: Int64[np.ndarray, " images"]) -> Iterator[Int64[np.ndarray, " _"]]:
    """The numbers, a block at a time."""
    for start in range(0, len(places), BLOCK):
        yield places[start : start + BLOCK]


def masks(places: Int64[np.ndarray, " images"], factors: Factors) -> Iterator[tuple[slice, Bool[np.ndarray, " _"]]]:
    """Blocks of a file that holds all combinations, and which of their images are wanted; never all in memory."""
    wanted = np.zeros(factors.combinations, bool)
    wanted[places] = True
    for start in range(0, factors.combinations, BLOCK):
        block = slice(start, min(start + BLOCK, factors.combinations))
        if wanted[block].any():
            yield block, wanted[block]


def all_places(factors: Factors) -> Int64[np.ndarray, " images"]:
    """The numbers of all images."""
    return np.arange(factors.combinations, dtype=np.int64)
