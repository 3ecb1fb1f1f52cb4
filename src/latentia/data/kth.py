"""KTH actions: 25 persons who walk, jog, run, box, wave and clap, before four backgrounds (Schuldt et al. 2004)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from latentia.data.files import existing_folder
from latentia.data.images import Source, Split
from latentia.data.sequence_sets import SequenceSet
from latentia.data.video import Clips, ClipSettings, clip_set
from latentia.errors import DataError, SettingError
from latentia.randomness import stream

ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
PERSONS, VIDEOS = 25, 599
"""How many of each the published set has; of person 13 there is one video of clapping less."""
FILE = re.compile(rf"person(\d\d)_({'|'.join(ACTIONS)})_d[1-4]_uncomp\.avi")
DRAWN = 0xC119
"""First number of the seed of the clips that are drawn."""
SOURCE = Source(
    title="KTH actions",
    origin="https://www.csc.kth.se/cvap/actions/",
    licence="none stated; cite Schuldt et al. (2004)",
    counts={Split.TRAIN: 3013, Split.VALIDATION: 335},
)
"""The counts are the clips of thesis A, 3.5.2; the set itself is 599 videos, without clips."""


@dataclass(frozen=True, kw_only=True)
class KTH:
    """Grey clips of the videos in `folder`, size×size; the label is the place of the action in `ACTIONS`.

    `folder`, or folders in it, hold the published files, `person01_boxing_d1_uncomp.avi` and so on, 160×120 pixels at
    25 frames a second; nothing is downloaded. Reading them needs PyAV: `pip install "latentia[video]"`.

    Thesis A, 3.5.2 cuts the videos into clips of 20 frames, removes those that show background alone, and has 3013
    clips to train on and 335 to validate with. It leaves open which ones and how. Ours: clips follow each other; frames
    are the square in the middle, averaged; a clip that moves less than `least_motion` grey levels
    (`latentia.data.video.motion`) is background; a person is in one split alone; and of the clips of a split so many
    are drawn with `seed`, or all where the number is None. The threshold has been tried on made-up videos of this
    format, not on the real ones. The thesis has no test clips: name `test_persons` to have some. A folder that lacks
    some of the 599 videos is read too, and the set's name says so. Errors: SettingError where settings make no sense;
    on loading, DataError.
    """

    folder: Path
    train: int | None = SOURCE.counts[Split.TRAIN]
    validation: int | None = SOURCE.counts[Split.VALIDATION]
    test: int | None = None
    validation_persons: tuple[int, ...] = (23, 24, 25)
    test_persons: tuple[int, ...] = ()
    frames: int = 20
    size: int = 64
    least_motion: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        held = (*self.validation_persons, *self.test_persons)
        if len(set(held)) < len(held) or not set(held) < set(range(1, PERSONS + 1)):
            raise SettingError(
                f"Persons 1 to {PERSONS} are in one split each, and some are left to train on; those to validate with "
                f"are {self.validation_persons}, those to test on {self.test_persons}."
            )
        for split, count in self._counts.items():
            if count is not None and count < 1:
                raise SettingError(f"{split} must be 1 clip or more, or none for all of them; it is {count}.")
        _ = self._settings

    @property
    def name(self) -> str:
        """Name of the data set."""
        return f"KTH, clips of {self.frames} frames"

    def load(self, split: Split) -> SequenceSet:
        """Load one split. Errors: DataError where videos are missing or damaged, or have too few clips that move."""
        found = self._found()
        persons = self._persons(split)
        chosen = [(path, action) for path, person, action in found if person in persons]
        if not chosen:
            raise DataError(f"{self.folder} has no video for the split '{split}', of persons {sorted(persons)}.")
        name = self.name if len(found) == VIDEOS else f"{self.name}, {len(found)} of {VIDEOS} videos"
        clips = [self._clips(path) for path, _ in chosen]
        labels = [ACTIONS.index(action) for _, action in chosen]
        whole = clip_set(clips, labels, self.least_motion, name=name, split=split)
        return replace(self._drawn(whole), source=SOURCE)

    @property
    def _settings(self) -> ClipSettings:
        return ClipSettings(frames=self.frames, stride=None, size=self.size, least_motion=self.least_motion)

    @property
    def _counts(self) -> Mapping[Split, int | None]:
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}

    def _persons(self, split: Split) -> set[int]:
        held = {Split.VALIDATION: set(self.validation_persons), Split.TEST: set(self.test_persons)}
        if split is Split.TRAIN:
            return set(range(1, PERSONS + 1)).difference(*held.values())
        if not held[split]:
            raise DataError(f"KTH has no {split} clips of its own: say whose they are with '{split}_persons'.")
        return held[split]

    def _found(self) -> list[tuple[Path, int, str]]:
        """All videos, ordered by name, with person and action."""
        folder = existing_folder(self.folder, "KTH's videos")
        paths = sorted(folder.rglob("*.avi"), key=lambda path: path.name)
        found = [(path, match) for path in paths if (match := FILE.fullmatch(path.name))]
        if not found:
            raise DataError(f"{folder} holds no videos of KTH, such as person01_boxing_d1_uncomp.avi.")
        return [(path, int(match[1]), match[2]) for path, match in found]

    def _clips(self, path: Path) -> Clips:
        return self._settings.clips(read_grey(path)[:, None], path.name)

    def _drawn(self, whole: SequenceSet) -> SequenceSet:
        count = self._counts[whole.split]
        if count is None:
            return whole
        if count > len(whole):
            raise DataError(
                f"{whole.name} has {len(whole)} clips that move in its split '{whole.split}', not {count}; set "
                f"{whole.split} to none to have all of them."
            )
        generator = np.random.default_rng(stream(DRAWN, self.seed))
        return whole.at(np.sort(generator.permutation(len(whole))[:count]))


def read_grey(path: Path) -> UInt8[np.ndarray, "frames height width"]:
    """Decode a video to grey frames. Errors: DataError where PyAV is not installed, or the file cannot be decoded."""
    try:
        import av
    except ImportError as error:
        raise DataError(f'{path.name} is a video, which PyAV reads: pip install "latentia[video]".') from error
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    except (av.FFmpegError, IndexError) as error:  # IndexError: a file with sound alone
        raise DataError(f"{path} cannot be read as a video: {error}") from error
    if not frames:
        raise DataError(f"{path} has no frames.")
    return np.stack(frames)
