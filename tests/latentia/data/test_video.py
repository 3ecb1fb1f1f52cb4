from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data.images import Split
from latentia.data.sequence_sets import SequenceSet, SequenceSource
from latentia.data.video import NpzClips, motion, shrink
from latentia.errors import DataError, SettingError

RNG = np.random.default_rng(0)


def numbered(frames: int, first: int = 0) -> np.ndarray:
    """Frames whose pixels all say the frame's number."""
    return np.broadcast_to(np.arange(first, first + frames, dtype=np.uint8)[:, None, None], (frames, 4, 6)).copy()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(
        tmp_path / "street.npz",
        one=numbered(50),
        two=numbered(30, first=100),
    )
    return tmp_path / "street.npz"


def frames_of(clips: SequenceSet) -> list[list[int]]:
    """Numbers of the frames of each clip."""
    return clips.sequences(slice(None)).values[:, :, 0, 0, 0].tolist()


def test_videos_are_cut_into_clips_one_after_the_other(file: Path) -> None:
    source = NpzClips(file=file, frames=20)
    assert isinstance(source, SequenceSource)
    train = source.load(Split.TRAIN)
    assert frames_of(train) == [list(range(first, first + 20)) for first in (0, 20, 100)]
    assert train.labels is not None
    assert train.labels.tolist() == [0, 0, 1]
    assert train.format.longest == 20
    assert train.name == "street, clips of 20 frames"


def test_a_stride_makes_clips_overlap(file: Path) -> None:
    clips = NpzClips(file=file, videos=("two",), frames=10, stride=5).load(Split.TRAIN)
    assert [frames[0] for frames in frames_of(clips)] == [100, 105, 110, 115, 120]


@pytest.mark.parametrize("stride", [1, 3, None])
def test_no_frame_is_in_two_splits(file: Path, stride: int | None) -> None:
    source = NpzClips(file=file, frames=4, stride=stride, validation=6, test=7)
    train, held_out, test = ({frame for clip in frames_of(source.load(split)) for frame in clip} for split in Split)
    assert not train & held_out
    assert not train & test
    assert not held_out & test
    # Time goes from training over validation to testing, in each video.
    assert max(frame for frame in train if frame < 100) < min(held_out) <= 40
    assert held_out & set(range(37, 43)) == {frame for frame in held_out if frame < 100}
    assert max(test) >= 126


def test_clips_of_background_alone_are_left_out_and_counted(tmp_path: Path) -> None:
    video = RNG.integers(98, 103, (60, 16, 16), dtype=np.uint8)  # noise with a deviation of 1.4 grey levels
    for step in range(20, 40):
        video[step, 4:8, step - 20 : step - 16] = 220
    np.savez(tmp_path / "room.npz", video=video)
    clips = NpzClips(file=tmp_path / "room.npz", least_motion=5.0).load(Split.TRAIN)
    assert len(clips) == 1
    assert np.array_equal(clips.values[:, 0], video[20:40])
    assert clips.left_out == {"clips that move less than 5 grey levels": 2}
    with pytest.raises(DataError, match=r"has no clip in its split 'train' that moves 200 grey levels or more; 3 move"):
        NpzClips(file=tmp_path / "room.npz", least_motion=200.0).load(Split.TRAIN)


def test_motion_is_the_root_of_the_variance_over_time() -> None:
    clips = RNG.integers(0, 256, (3, 20, 1, 5, 7), dtype=np.uint8)
    clips[1] = clips[1, :1]
    expected = [np.sqrt(np.mean([pixel.var() for pixel in clip.reshape(20, -1).T])) for clip in clips]
    assert motion(clips) == pytest.approx(expected, rel=1e-5)
    assert motion(clips)[1] == 0


def test_whole_areas_are_averaged_as_blocks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.data.video.FRAMES_AT_ONCE", 2)
    video = RNG.integers(0, 256, (5, 3, 12, 12), dtype=np.uint8)
    blocks = video.reshape(5, 3, 4, 3, 4, 3).mean(axis=(3, 5))
    assert np.array_equal(shrink(video, 4, "a video"), np.rint(blocks))


def test_parts_of_pixels_count_by_their_area() -> None:
    """Of 3 pixels and 2 areas, each area has one pixel and half of the middle one."""
    video = np.array([[30, 60, 90]] * 3, np.uint8)[None, None]
    assert shrink(video, 2, "a video").tolist() == [[[[40, 80], [40, 80]]]]
    uneven = RNG.integers(0, 256, (1, 1, 120, 120), dtype=np.uint8)
    assert abs(float(shrink(uneven, 64, "a video").mean()) - float(uneven.mean())) < 0.1


def test_the_square_in_the_middle_is_kept() -> None:
    video = np.zeros((2, 1, 4, 8), np.uint8)
    video[:, :, :, 2:6] = RNG.integers(1, 256, (2, 1, 4, 4), dtype=np.uint8)
    assert np.array_equal(shrink(video, 4, "a video"), video[:, :, :, 2:6])
    assert np.array_equal(shrink(video.swapaxes(2, 3), 4, "a video"), video[:, :, :, 2:6].swapaxes(2, 3))


def test_colours_are_brought_to_the_front(tmp_path: Path) -> None:
    video = RNG.integers(0, 256, (20, 4, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "colour.npz", video=video)
    clips = NpzClips(file=tmp_path / "colour.npz").load(Split.TRAIN)
    assert str(clips.format) == "clips of up to 20 frames of 3×4×6 with 8 bits"
    assert np.array_equal(clips.values[:, 1], video[..., 1])


@pytest.mark.parametrize(
    ("video", "changes", "message"),
    [
        (numbered(20) / 255, {}, r"^'video' in .* was to hold a video, bytes \(uint8\) .*float64 with 3 axes\.$"),
        (numbered(20)[:, 0, 0], {}, r"it holds uint8 with 1 axis\.$"),
        (numbered(20)[..., None, None][:, 0], {}, None),
        (np.zeros((20, 3, 4, 6), np.uint8), {}, r"is 20×3×4×6; wanted \(frames, height, width, channels\) with 1, 3"),
        (numbered(19), {}, r"^bad, clips of 20 frames has no clip in its split 'train': its videos are shorter"),
        (numbered(30), {"size": 5}, r"^'video' in .*bad.npz has frames of 4×6, smaller than the size 5\.$"),
        (numbered(30), {"validation": 30}, r"has 30 training frames; 30 of them cannot be kept for validation\.$"),
        (numbered(30), {"videos": ("film",)}, r"has no array 'film'; it has video\.$"),
    ],
)
def test_files_that_cannot_serve_are_named(
    tmp_path: Path, video: np.ndarray, changes: dict[str, Any], message: str | None
) -> None:
    np.savez(tmp_path / "bad.npz", video=video)
    source = NpzClips(file=tmp_path / "bad.npz", **changes)
    if message is None:  # one channel is a colour
        assert len(source.load(Split.TRAIN)) == 1
        return
    with pytest.raises(DataError, match=message):
        source.load(Split.TRAIN)


def test_a_file_that_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^There is no file .*none.npz, which should hold videos\.$"):
        NpzClips(file=tmp_path / "none.npz").load(Split.TRAIN)
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(DataError, match=r"text.npz is no NPZ file, or is damaged\.$"):
        NpzClips(file=tmp_path / "text.npz").load(Split.TRAIN)


def test_videos_of_two_sizes_are_refused_unless_they_are_made_alike(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=numbered(20), b=np.zeros((20, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"has frames of 1×4×6 and of 1×8×8; with a size they would be alike\.$"):
        NpzClips(file=tmp_path / "two.npz").load(Split.TRAIN)
    assert len(NpzClips(file=tmp_path / "two.npz", size=4).load(Split.TRAIN)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 0}, "one frame at least, not 0"),
        ({"stride": 0}, "stride must be 1 frame or more, not 0"),
        ({"size": 0}, "size must be 1 pixel or more, not 0"),
        ({"least_motion": -1.0}, r"least_motion must be 0 grey levels or more, not -1\.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        NpzClips(file=Path("some.npz"), **changes)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "counts"), [("carphone_120x144x176_gray", [4, 1, 1]), ("bikes_250x68x160_gray", [10, 1, 1])]
)
def test_real_videos_become_clips_of_moving_things(real_data: Path, name: str, counts: list[int]) -> None:
    source = NpzClips(file=real_data / "video" / f"{name}.npz", size=64, validation=20, test=20, least_motion=2.0)
    parts = [source.load(split) for split in Split]
    assert [len(part) for part in parts] == counts
    assert all(part.format.frame.shape == (1, 64, 64) for part in parts)
    assert not any(part.left_out for part in parts)
    # Neighbouring frames of one clip are more alike than the frames of two clips.
    clips = parts[0].sequences(slice(None)).values.float()
    assert (clips[:, 1:] - clips[:, :-1]).abs().mean() < (clips[1:] - clips[:-1]).abs().mean() / 1.5
