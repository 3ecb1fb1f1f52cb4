"""Arrays too large for memory: made once from the published files, kept in the user's cache folder, and mapped."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from latentia.data import files
from latentia.data.images import Images
from latentia.files import atomic_path
from latentia.images import ImageFormat, reduce_bits

LOG = logging.getLogger(__name__)

Blocks = Iterator[UInt8[np.ndarray, "_ channels height width"]]


def mapped_images(
    sources: Sequence[Path], *, title: str, image_format: ImageFormat, blocks: Callable[[], Blocks]
) -> Images:
    """Map the 8-bit images of `blocks`, reduced to the format's bits, from a file that is made when it is first needed.

    The file belongs to the names, sizes and times of `sources`: where one of these has changed, a new one is made.
    """
    path = files.cache_folder() / "prepared" / f"{_key(sources, title, image_format)}.bytes"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        LOG.info("Preparing %s once, in %s", title, path)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            for block in blocks():
                file.write(np.ascontiguousarray(reduce_bits(block, image_format.bits)).data)
    # An empty file cannot be mapped.
    pixels = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    return pixels.reshape(-1, *image_format.shape)


def stacked(images: Iterable[UInt8[np.ndarray, "channels height width"]], count: int = 1024) -> Blocks:
    """Gather single images into blocks of at most `count`."""
    gathered: list[UInt8[np.ndarray, "channels height width"]] = []
    for image in images:
        gathered.append(image)
        if len(gathered) == count:
            yield np.stack(gathered)
            gathered.clear()
    if gathered:
        yield np.stack(gathered)


def _key(sources: Sequence[Path], title: str, image_format: ImageFormat) -> str:
    digest = hashlib.sha256(f"{title} {image_format}".encode())
    for source in sources:
        state = source.stat()
        digest.update(f"\n{source.resolve()} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]
