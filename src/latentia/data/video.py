"""Clips that are cut from videos: what every video data set needs, and videos in an NPZ file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray

from latentia.data.archives import array_names, read_array, sizes, type_and_axes
from latentia.data.images import Split, part_of_all
from latentia.data.npz import COLOURS
from latentia.data.sequence_sets import SequenceSet
from latentia.errors import DataError, SettingError
from latentia.images import ImageFormat
from latentia.sequences import VideoFormat

Frames = UInt8[np.ndarray, "frames channels height width"]
Clips = UInt8[np.ndarray, "clips steps channels rows columns"]

FRAMES_AT_ONCE = 256
"""Frames that are averaged together, which bounds the memory that this takes."""


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """How videos are cut into clips. Errors: SettingError where a number makes no sense."""

    frames: int
    """Frames of a clip."""
    stride: int | None
    """Frames from the beginning of a clip to that of the next; None means that clips follow each other."""
    size: int | None
    """Height and width of the frames, averaged from the square in the middle; None leaves frames as they are."""
    least_motion: float
    """Clips that move less (`motion`) are left out, because they show nothing but background."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise SettingError(f"A clip has one frame at least, not {self.frames}.")
        if self.stride is not None and self.stride < 1:
            raise SettingError(f"stride must be 1 frame or more, not {self.stride}.")
        if self.size is not None and self.size < 1:
            raise SettingError(f"size must be 1 pixel or more, not {self.size}.")
        if self.least_motion < 0:
            raise SettingError(f"least_motion must be 0 grey levels or more, not {self.least_motion}.")

    def clips(self, video: Frames, name: str) -> Clips:
        """Cut a video, or a part of one, into whole clips; what is left at its end is left out.

        Errors: DataError, which calls the video `name`, where its frames are smaller than `size`.
        """
        if self.size is not None:
            video = shrink(video, self.size, name)
        if len(video) < self.frames:
            return np.empty((0, self.frames, *video.shape[1:]), np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(video, self.frames, axis=0)
        clips: Clips = np.moveaxis(windows[:: self.stride or self.frames], -1, 1)
        return clips


@dataclass(frozen=True, kw_only=True)
class NpzClips:
    """Clips of the videos in an NPZ file: arrays of bytes, (frames, height, width), or with channels as a last axis.

    Each video is split by time: its last `test` frames are for testing, the `validation` ones before them are for
    validation, and clips are cut within these blocks, so that no frame is in two splits. Clips are `frames` long and
    begin every `stride` frames, by default one after the other. With `size`, frames are size×size: the square in their
    middle, averaged over areas. Clips that move less than `least_motion` grey levels (`motion`) are left out, and the
    set says how many. The label is the place of the video. Errors: SettingError where a number makes no sense; on
    loading, DataError.
    """

    file: Path
    videos: tuple[str, ...] | None = None
    """Names of the arrays; None means all of the file."""
    frames: int = 20
    stride: int | None = None
    size: int | None = None
    validation: int = 0
    test: int = 0
    least_motion: float = 0.0

    def __post_init__(self) -> None:
        _ = self._settings

    @property
    def name(self) -> str:
        """The file's own name and the length of the clips."""
        return f"{self.file.stem}, clips of {self.frames} frames"

    def load(self, split: Split) -> SequenceSet:
        """Load one split. Errors: DataError where arrays are missing, hold no videos, or have no clips."""
        keys = array_names(self.file, wanted="videos") if self.videos is None else self.videos
        parts = [self._clips(key, split) for key in keys]
        return clip_set(parts, range(len(parts)), self.least_motion, name=self.name, split=split)

    @property
    def _settings(self) -> ClipSettings:
        return ClipSettings(frames=self.frames, stride=self.stride, size=self.size, least_motion=self.least_motion)

    def _clips(self, key: str, split: Split) -> Clips:
        video, name = self._video(key), f"'{key}' in {self.file}"
        block = part_of_all(
            len(video), split=split, validation=self.validation, test=self.test, name=name, things="frames"
        )
        return self._settings.clips(video[block], name)

    def _video(self, key: str) -> Frames:
        array: NDArray[Any] = read_array(self.file, key, wanted="bytes")
        if array.dtype != np.uint8 or array.ndim not in (3, 4):
            raise DataError(
                f"'{key}' in {self.file} was to hold a video, bytes (uint8) with 3 or 4 axes; it holds "
                f"{type_and_axes(array)}."
            )
        if array.ndim == 4 and array.shape[3] not in COLOURS:
            raise DataError(
                f"'{key}' in {self.file} is {sizes(array.shape)}; wanted (frames, height, width, channels) with 1, 3 "
                "or 4 channels."
            )
        return array[:, None] if array.ndim == 3 else np.moveaxis(array, 3, 1)


def clip_set(
    parts: Sequence[UInt8[np.ndarray, "_ _ _ _ _"]],
    labels: Sequence[int],
    least_motion: float,
    *,
    name: str,
    split: Split,
) -> SequenceSet:
    """Make a set of the clips (`Clips`) of several videos that move enough; each video has one label.

    Errors: DataError where there are no such clips, or the videos differ in size.
    """
    for part in parts:
        if part.shape[2:] != parts[0].shape[2:]:
            wanted, got = sizes(parts[0].shape[2:]), sizes(part.shape[2:])
            raise DataError(f"{name} has frames of {wanted} and of {got}; with a size they would be alike.")
    count = sum(map(len, parts))
    if count == 0:
        raise DataError(f"{name} has no clip in its split '{split}': its videos are shorter than one.")
    moving = [part[motion(part) >= least_motion] for part in parts]
    clips = np.concatenate(moving)
    if len(clips) == 0:
        raise DataError(
            f"{name} has no clip in its split '{split}' that moves {least_motion:g} grey levels or more; {count} move "
            "less."
        )
    frames, channels, height, width = clips.shape[1:]
    still = count - len(clips)
    return SequenceSet(
        values=clips.reshape(-1, channels, height, width),
        lengths=np.full(len(clips), frames, np.int64),
        format=VideoFormat(frame=ImageFormat(channels=channels, height=height, width=width), longest=frames),
        name=name,
        split=split,
        labels=np.repeat(np.array(labels, np.int64), [len(part) for part in moving]),
        left_out={f"clips that move less than {least_motion:g} grey levels": still} if still else {},
    )


def motion(clips: Clips) -> Float64[np.ndarray, " clips"]:
    """How much each clip moves, in grey levels: the root of the variance over time, averaged over pixels."""
    # One by one: the numbers of all clips as floats would take four times their memory.
    return np.array([np.sqrt(clip.var(axis=0, dtype=np.float32).mean()) for clip in clips], np.float64)


def shrink(video: Frames, size: int, name: str) -> UInt8[np.ndarray, "frames channels rows columns"]:
    """Average the square in the middle of each frame over areas, to size×size.

    Errors: DataError, which calls the video `name`, where its frames are smaller.
    """
    height, width = video.shape[2:]
    side = min(height, width)
    if side < size:
        raise DataError(f"{name} has frames of {height}×{width}, smaller than the size {size}.")
    top, left = (height - side) // 2, (width - side) // 2
    square = video[:, :, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    weights = _area_weights(side, size)
    small = np.empty((*video.shape[:2], size, size), np.uint8)
    for block in _blocks(len(video)):
        small[block] = np.rint(weights @ square[block].astype(np.float32) @ weights.T)
    return small


def _area_weights(side: int, size: int) -> NDArray[np.float32]:
    """What each of `side` pixels adds to each of `size`: the share of the area that it covers."""
    ratio = side / size
    begin, pixel = np.arange(size)[:, None] * ratio, np.arange(side)
    overlap = np.minimum(begin + ratio, pixel + 1) - np.maximum(begin, pixel)
    weights: NDArray[np.float32] = (np.clip(overlap, 0, None) / ratio).astype(np.float32)
    return weights


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, FRAMES_AT_ONCE):
        yield slice(start, start + FRAMES_AT_ONCE)
