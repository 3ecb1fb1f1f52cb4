"""Which pixels of an image are known: masks, and the information that they make of an image.

Source: thesis B, 3.1, 3.2.1, 3.3.1 and Figure 3.6. A mask is decided by one 64-bit key and the image's size. Its random
numbers are hashes of the key and their own place in the sequence, so that a key's mask is the same in every batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped, UInt64
from torch import Tensor

from latentia.errors import SettingError
from latentia.randomness import stream

Keys = UInt64[np.ndarray, " batch"]
CountArray = Int64[np.ndarray, " batch"]
Known = Bool[np.ndarray, "batch height width"]
_COUNT_DRAW = 0  # the places use the numbers from 1 on
PlaceName = Literal["grid", "uniform", "gaussian", "stratified", "block", "lines"]


def apply_mask(
    values: Float[Tensor, "batch channels height width"], mask: Bool[Tensor, "batch 1 height width"]
) -> Float[Tensor, "batch conditions height width"]:
    """Make the conditioning information m: the known values, with 0 elsewhere, and the mask as one more channel.

    What stands at unknown pixels never matters, not even NaN. Source: thesis B, 3.1 and Figure 3.1.
    """
    return torch.cat([values.masked_fill(~mask, 0.0), mask.to(values.dtype)], dim=1)


def mask_keys(*numbers: int, count: int) -> UInt64[np.ndarray, " count"]:
    """Make the keys of `count` images from numbers such as a seed and a step, each ≥ 0.

    The key of a place does not depend on `count`: a part of the images has a part of the keys.
    """
    return _hash(np.array([stream(*numbers)], dtype=np.uint64), np.arange(count))


@runtime_checkable
class Places(Protocol):
    """How pixels are chosen."""

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Choose pixels of images of height × width, for each key as many as its count asks for."""
        ...


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The same sparse grid in every image, thesis B's "exact same sampling". Keys and counts do not matter.

    Along a side of n pixels its lines are ⌊n/5⌋ apart, but 1 to 6; as many as leave 8 pixels or more outside them, but
    at least one; and centred, or up to a pixel before the centre. That gives the authors' 5, 10, 15, 20 of 28 pixels;
    6, 12, 18, 24 of 32; and 4, 10, …, 58 of 64.
    """

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Mark the crossings of the grid's rows and columns."""
        grid = np.zeros((len(keys), height, width), dtype=bool)
        grid[:, _grid_lines(height)[:, None], _grid_lines(width)] = True
        return grid


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Pixels uniformly at random.

    With duplicates, as in the authors' code, each of `count` draws is of any pixel, and fewer than `count` differ: on
    average N·(1 − (1 − 1/N)^count) of N. Without, exactly `count` pixels are known.
    """

    duplicates: bool

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Draw `count` pixels of each image."""
        pixels = height * width
        if not self.duplicates:
            return _smallest(_draws(keys, pixels), counts).reshape(-1, height, width)
        image, place = _places(counts)
        return _marked(image, _below(_hash(keys[image], 1 + place), pixels), (len(keys), height, width))


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Pixels near the middle more often: row ~ N(H/2, H/6), column ~ N(W/2, W/6), rounded down and kept in the image.

    With duplicates, as in the authors' code, each of `count` draws is of any pixel. Without, draws of known pixels do
    not count: exactly `count` pixels are known.
    """

    duplicates: bool

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Draw `count` pixels of each image."""
        if not self.duplicates:
            # An exponential race: the pixel of probability p arrives after a time of mean 1/p, and the first ones win.
            chances = np.outer(_gaussian_chances(height), _gaussian_chances(width)).ravel()
            times = -np.log(_unit(_draws(keys, height * width))) / chances
            return _smallest(times, counts).reshape(-1, height, width)
        image, place = _places(counts)
        row = np.searchsorted(_gaussian_edges(height), _unit(_hash(keys[image], 1 + 2 * place)), side="right")
        column = np.searchsorted(_gaussian_edges(width), _unit(_hash(keys[image], 2 + 2 * place)), side="right")
        return _marked(image, row * width + column, (len(keys), height, width))


@dataclass(frozen=True, kw_only=True)
class Stratified:
    """One random pixel in each of `count` cells, nearly square and nearly equal, that divide the image. Not in B."""

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Draw one pixel of each cell."""
        image, place = _places(counts)
        cells = counts[image]
        # The image is cut into bands of rows, and each band into cells side by side.
        bands = np.rint(np.sqrt(cells * (height / width))).astype(np.int64)
        bands = np.clip(bands, -(-cells // width), np.minimum(cells, height))
        band = ((place + 1) * bands - 1) // cells
        first = band * cells // bands
        beside = (band + 1) * cells // bands - first
        row = _between(_hash(keys[image], 1 + 2 * place), band, bands, height)
        column = _between(_hash(keys[image], 2 + 2 * place), place - first, beside, width)
        return _marked(image, row * width + column, (len(keys), height, width))


@dataclass(frozen=True, kw_only=True)
class Block:
    """One square patch of about `count` pixels, less square where the image is too short for it. Not in B."""

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Draw the corner of each image's patch."""
        rows = np.clip(np.rint(np.sqrt(counts)).astype(np.int64), np.maximum(-(-counts // width), 1), height)
        columns = np.rint(counts / rows).astype(np.int64)
        draws = _draws(keys, 2)
        inside_rows = _stretch(_below(draws[:, 0], height - rows + 1), rows, height)
        inside_columns = _stretch(_below(draws[:, 1], width - columns + 1), columns, width)
        known: Known = inside_rows[:, :, None] & inside_columns[:, None, :]
        return known


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Whole rows at random, as few as hold `count` pixels. Not in B."""

    def known(self, keys: Keys, counts: CountArray, height: int, width: int) -> Known:
        """Draw the rows."""
        rows = _smallest(_draws(keys, height), -(-counts // width))
        return np.repeat(rows[:, :, None], width, axis=2)


@runtime_checkable
class Counts(Protocol):
    """How many pixels are drawn for each image."""

    def draw(self, keys: Keys, pixels: int) -> CountArray:
        """Give one count for each key, of images with so many pixels."""
        ...


@dataclass(frozen=True, kw_only=True)
class ShareCount:
    """⌊share·N⌋ of an image's N pixels. Errors: SettingError where that is no pixel."""

    share: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SettingError(f"The share of known pixels is above 0 and at most 1, not {self.share}.")

    def draw(self, keys: Keys, pixels: int) -> CountArray:
        """Give the same count for all keys."""
        # 0.29 · 100 is 28.999…96 in binary.
        count = math.floor(self.share * pixels + 1e-9)
        if count < 1:
            raise SettingError(f"No pixel given: a share of {self.share} of {pixels} pixels is less than one.")
        return np.full(len(keys), count, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class NumberCount:
    """The same number for every image. Errors: SettingError where an image has fewer pixels."""

    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise SettingError(f"No pixel given: the number of known pixels is at least 1, not {self.number}.")

    def draw(self, keys: Keys, pixels: int) -> CountArray:
        """Give the same count for all keys."""
        if self.number > pixels:
            raise SettingError(f"Mask larger than the image: {self.number} known pixels of {pixels}.")
        return np.full(len(keys), self.number, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class PowerLawCount:
    """⌊N − U·N⌋ of N pixels, where U has the density a·u^(a − 1) on 0 … 1 for the exponent a (thesis B, 2.5.2, 3.3.1).

    A count of n < N has the probability (1 − n/N)^a − (1 − (n + 1)/N)^a; the mean is about N/(a + 1) − ½. A count of 0
    means that nothing is known.
    """

    exponent: float

    def __post_init__(self) -> None:
        if not 0 < self.exponent < math.inf:
            raise SettingError(f"The exponent of the power law is a number above 0, not {self.exponent}.")

    def draw(self, keys: Keys, pixels: int) -> CountArray:
        """Draw one count for each key."""
        # The inverse of the distribution function: U = u^(1/a) for a uniform u, and 1 − U without cancellation.
        uniform = _unit(_hash(keys, np.array([_COUNT_DRAW])))
        counts: CountArray = np.floor(-pixels * np.expm1(np.log(uniform) / self.exponent)).astype(np.int64)
        # U is above 0, so that one pixel at least stays unknown; in floating point N − U·N may be N.
        return counts.clip(max=pixels - 1)


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Which pixels are known, as a configuration names it. Errors: SettingError where settings contradict each other.

    All places but the grid, which has its own pixels, take one of `share`, `number` and `exponent`.
    """

    places: PlaceName = "uniform"
    duplicates: bool = True
    """For uniform and gaussian: pixels may be drawn twice, so that fewer are known."""
    share: float | None = None
    """So many draws as a share of the pixels, above 0 up to 1; thesis B has 0.05."""
    number: int | None = None
    """So many draws, at least 1."""
    exponent: float | None = None
    """The number of draws by the power law with this exponent, above 0; thesis B has 40 and 60."""

    def __post_init__(self) -> None:
        given = [name for name in ("share", "number", "exponent") if getattr(self, name) is not None]
        if self.places == "grid" and given:
            raise SettingError(f"A grid has its own number of pixels and takes no {' or '.join(given)}.")
        if self.places != "grid" and len(given) != 1:
            told = " and ".join(given) or "none of them"
            raise SettingError(f"Places '{self.places}' need exactly one of share, number and exponent; given: {told}.")
        self._counts()

    def draw(self, keys: Keys, height: int, width: int) -> Bool[Tensor, "batch 1 height width"]:
        """Draw one mask for each key, true where a pixel is known.

        Errors: SettingError where the share is less than a pixel, or the number more than all.
        """
        counts = self._counts()
        drawn = counts.draw(keys, height * width) if counts else np.zeros(len(keys), dtype=np.int64)
        known = self._places().known(keys, drawn, height, width)
        return torch.from_numpy(known)[:, None]

    def _counts(self) -> Counts | None:
        if self.share is not None:
            return ShareCount(share=self.share)
        if self.number is not None:
            return NumberCount(number=self.number)
        return None if self.exponent is None else PowerLawCount(exponent=self.exponent)

    def _places(self) -> Places:
        places: dict[PlaceName, Places] = {
            "grid": Grid(),
            "uniform": Uniform(duplicates=self.duplicates),
            "gaussian": Gaussian(duplicates=self.duplicates),
            "stratified": Stratified(),
            "block": Block(),
            "lines": Lines(),
        }
        return places[self.places]


def _hash(keys: UInt64[np.ndarray, ...], numbers: Int64[np.ndarray, ...]) -> UInt64[np.ndarray, ...]:
    """SplitMix64 (Steele, Lea & Flood 2014), started at a key: the random number of each place in its sequence."""
    mixed: UInt64[np.ndarray, ...] = keys + (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _draws(keys: Keys, count: int) -> UInt64[np.ndarray, "batch count"]:
    return _hash(keys[:, None], np.arange(1, count + 1))


def _unit(draws: UInt64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Between 0 and 1, neither included: the logarithm is finite."""
    return ((draws >> np.uint64(12)) + 0.5) * 2.0**-52


def _below(draws: UInt64[np.ndarray, " n"], limit: Int64[np.ndarray, " n"] | int) -> Int64[np.ndarray, " n"]:
    """Whole numbers from 0 on, below the limit, which is below 2^32."""
    scaled = (draws >> np.uint64(32)) * np.asarray(limit, dtype=np.uint64)
    below: Int64[np.ndarray, " n"] = (scaled >> np.uint64(32)).astype(np.int64)
    return below


def _between(
    draws: UInt64[np.ndarray, " n"], part: Int64[np.ndarray, " n"], parts: Int64[np.ndarray, " n"], length: int
) -> Int64[np.ndarray, " n"]:
    """Whole numbers in one of the nearly equal parts into which 0 … length − 1 is cut."""
    start = part * length // parts
    places: Int64[np.ndarray, " n"] = start + _below(draws, (part + 1) * length // parts - start)
    return places


def _places(counts: CountArray) -> tuple[Int64[np.ndarray, " total"], Int64[np.ndarray, " total"]]:
    """Every draw of every image, flat: which image it is of, and its place among the draws of that image."""
    image = np.repeat(np.arange(len(counts)), counts)
    return image, np.arange(len(image)) - np.repeat(np.cumsum(counts) - counts, counts)


def _marked(
    image: Int64[np.ndarray, " total"], pixel: Int64[np.ndarray, " total"], shape: tuple[int, int, int]
) -> Known:
    batch, height, width = shape
    known = np.zeros((batch, height * width), dtype=bool)
    known[image, pixel] = True
    return known.reshape(shape)


def _smallest(scores: Shaped[np.ndarray, "batch n"], counts: CountArray) -> Bool[np.ndarray, "batch n"]:
    """Mark the `count` smallest scores of each image."""
    order = np.argsort(scores, axis=1, kind="stable")
    marked = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(marked, order, np.arange(scores.shape[1]) < counts[:, None], axis=1)
    return marked


def _stretch(start: CountArray, length: CountArray, size: int) -> Bool[np.ndarray, "batch size"]:
    place = np.arange(size)
    inside: Bool[np.ndarray, "batch size"] = (start[:, None] <= place) & (place < (start + length)[:, None])
    return inside


def _grid_lines(size: int) -> Int64[np.ndarray, " lines"]:
    apart = min(max(size // 5, 1), 6)
    lines = max((size - 9) // apart + 1, 1)
    first = max((size - 2 - (lines - 1) * apart) // 2, 0)
    return first + apart * np.arange(lines)


def _gaussian_edges(size: int) -> Float64[np.ndarray, " inner"]:
    """P(place < i) for i from 1 to size − 1, where the place is N(size/2, size/6) rounded down."""
    return np.array([0.5 * (1 + math.erf((6 * i / size - 3) / math.sqrt(2))) for i in range(1, size)])


def _gaussian_chances(size: int) -> Float64[np.ndarray, " size"]:
    """P(place = i); the first and last place take the tails."""
    return np.diff(_gaussian_edges(size), prepend=0.0, append=1.0)
