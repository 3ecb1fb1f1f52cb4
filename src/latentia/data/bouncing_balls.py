"""Simulated clips of a ball that bounces in a box under a gravity that each clip has for itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from latentia.data.images import Source, Split
from latentia.data.sequence_sets import SequenceSet
from latentia.errors import SettingError
from latentia.images import ImageFormat, reduce_bits
from latentia.randomness import stream
from latentia.sequences import VideoFormat

BALLS = 0xBA11
"""First number of the seeds."""
CLIPS_AT_ONCE = 256
"""Clips that are drawn together, which bounds the memory that this takes."""
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class BouncingBalls:
    """Clips of one ball in a box without friction, size×size; the label is the direction of gravity. It is simulated.

    Label k means a pull at an angle of 2πk / gravities, clockwise from the right edge of the picture; all pulls are
    equally strong. A ball starts anywhere with a velocity of any direction, up to `speed` along each axis, and the
    walls give back all energy. Between frames it moves by the exact solution, so that no energy is won or lost.

    Thesis A, 3.5.2 has 8 gravities, 20 frames, 10,000 clips to train on and 1,000 to validate with, and a Bernoulli
    likelihood, hence 1 bit. It follows Miladinović et al. (2019), who describe 4 gravities. It leaves open directions
    and strengths of gravity, velocities, and the sizes of ball and frame: those here are ours, so that a ball falls
    through the box in about 10 frames. It has no test clips; those here are ours too. With `bits=8` the ball's edge is
    grey where it covers a part of a pixel. The first frame never shows the gravity, only how the ball moves on does. A
    split depends on the settings and the split alone. Errors: SettingError where a number makes no sense.
    """

    train: int = 10_000
    validation: int = 1_000
    test: int = 1_000
    frames: int = 20
    size: int = 32
    gravities: int = 8
    bits: int = 1
    pull: float = 0.5
    """Strength of gravity, in pixels per frame²."""
    speed: float = 2.0
    """Most pixels per frame that a ball has along an axis in its first frame."""
    radius: float = 3.0
    """Of the ball, in pixels."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test, self.gravities) < 1:
            raise SettingError(
                "Bouncing balls have one clip at least in each split, and one gravity; wanted are "
                f"{self.train}, {self.validation} and {self.test} clips, and {self.gravities} gravities."
            )
        if not 0 < 2 * self.radius < self.size:
            raise SettingError(f"A ball with a radius of {self.radius} has no room to bounce in {self.size} pixels.")
        if min(self.pull, self.speed) < 0:
            raise SettingError(f"pull and speed must be 0 or more; they are {self.pull} and {self.speed}.")
        # Refuses frames and bits that make no sense.
        _ = self.format

    @property
    def name(self) -> str:
        """Name of the data set."""
        return f"simulated bouncing balls, {self.gravities} gravities"

    @property
    def format(self) -> VideoFormat:
        """Format of the clips."""
        frame = ImageFormat(channels=1, height=self.size, width=self.size, bits=self.bits)
        return VideoFormat(frame=frame, longest=self.frames)

    @property
    def source(self) -> Source:
        """Where the clips come from: nowhere but here."""
        counts = {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}
        return Source(title="Bouncing balls", origin=f"simulated by {__name__}", licence="none needed", counts=counts)

    def load(self, split: Split) -> SequenceSet:
        """Simulate one split, with labels 0 … gravities − 1."""
        count = self.source.counts[split]
        generator = np.random.default_rng(stream(BALLS, self.seed, list(Split).index(split)))
        labels = generator.integers(0, self.gravities, count)
        angles = 2 * np.pi * labels / self.gravities
        room = self.size - 2 * self.radius
        places = bounce(
            generator.uniform(0, room, (count, 2)),
            generator.uniform(-self.speed, self.speed, (count, 2)),
            self.pull * np.stack([np.cos(angles), np.sin(angles)], axis=-1),
            np.arange(self.frames, dtype=np.float64),
            room,
        )
        clips = np.empty((count, self.frames, self.size, self.size), np.uint8)
        for start in range(0, count, CLIPS_AT_ONCE):
            block = slice(start, start + CLIPS_AT_ONCE)
            clips[block] = reduce_bits(draw_balls(places[block] + self.radius, self.radius, self.size), self.bits)
        return SequenceSet(
            values=clips.reshape(-1, 1, self.size, self.size),
            lengths=np.full(count, self.frames, np.int64),
            format=self.format,
            name=self.name,
            split=split,
            labels=labels,
            source=self.source,
        )


def bounce(
    place: Float64[np.ndarray, "count axes"],
    velocity: Float64[np.ndarray, "count axes"],
    pull: Float64[np.ndarray, "count axes"],
    times: Float64[np.ndarray, " times"],
    room: float,
) -> Float64[np.ndarray, "count times axes"]:
    """Places, 0 to `room` along each axis, of points under a constant pull between walls that give back all energy.

    Axes do not act on each other. Along one, a point rises from the wall that the pull goes to until it turns, at the
    far wall or where its speed is used up, falls back as it rose, and so on: the motion repeats, and needs no steps.
    """
    down, strength = pull > 0, np.abs(pull)
    height = np.where(down, room - place, place)
    rising = np.where(down, -velocity, velocity)
    launch = np.sqrt(rising**2 + 2 * strength * height)  # speed at the wall that the pull goes to
    top = np.minimum(room, launch**2 / np.maximum(2 * strength, TINY))
    speed_at_top = np.sqrt(np.maximum(launch**2 - 2 * strength * room, 0))
    # Mean speeds times time are distances; written so that no pull at all is no special case.
    half = np.maximum(2 * top / np.maximum(launch + speed_at_top, TINY), TINY)
    age = 2 * height / np.maximum(launch + np.abs(rising), TINY)  # time since the wall, if the point is rising
    age = np.where(rising < 0, 2 * half - age, age)
    along = (age[:, None] + times[:, None]) % (2 * half[:, None])
    along = half[:, None] - np.abs(half[:, None] - along)
    heights = launch[:, None] * along - strength[:, None] * along**2 / 2
    places: Float64[np.ndarray, "count times axes"] = np.where(down[:, None], room - heights, heights)
    return places


def draw_balls(
    centres: Float64[np.ndarray, "count times 2"], radius: float, size: int
) -> UInt8[np.ndarray, "count times size size"]:
    """Draw white balls on black; a pixel at the edge is as bright as the ball covers it, to a good approximation.

    Centres are (from the left, from the top), in pixels.
    """
    pixels = np.arange(size) + 0.5
    across, down = (pixels - centres[..., axis, None] for axis in (0, 1))
    distances = np.sqrt(down[..., :, None] ** 2 + across[..., None, :] ** 2)
    covered = np.clip(radius + 0.5 - distances, 0, 1)
    drawn: UInt8[np.ndarray, "count times size size"] = np.rint(255 * covered).astype(np.uint8)
    return drawn
