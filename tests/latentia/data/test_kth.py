from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data import kth
from latentia.data.images import Split
from latentia.data.kth import ACTIONS, KTH
from latentia.data.sequence_sets import SequenceSource
from latentia.errors import DataError, SettingError

FRAMES, BACKGROUND, PERSON = 65, 100, 200


def scene(moves: bool, brightness: int = PERSON) -> np.ndarray:
    """A noisy grey video in which a person's size of a block walks through the frame, or nobody."""
    video = np.random.default_rng(0).normal(BACKGROUND, 2, (FRAMES, 120, 160))
    for frame in range(FRAMES if moves else 0):
        left = 30 + frame
        video[frame, 30:90, left : left + 20] = brightness
    return np.clip(np.rint(video), 0, 255).astype(np.uint8)


def all_in_one_place(folder: Path) -> dict[Path, np.ndarray]:
    """What the decoder would give for some videos of persons 1, 2 and 25, whose files are there but empty."""
    videos = {}
    for person, action, moves in [
        (1, "boxing", True),
        (1, "walking", False),
        (2, "running", True),
        (2, "walking", True),
        (25, "handwaving", True),
    ]:
        path = folder / action / f"person{person:02}_{action}_d1_uncomp.avi"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        videos[path] = scene(moves, brightness=200 + person)
    return videos


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    videos = all_in_one_place(tmp_path)
    monkeypatch.setattr(kth, "read_grey", videos.__getitem__)
    (tmp_path / "someone_else.avi").touch()
    return tmp_path


def test_persons_are_in_one_split_and_labels_are_actions(folder: Path) -> None:
    source = KTH(folder=folder, train=None, validation=None)
    assert isinstance(source, SequenceSource)
    train, held_out = source.load(Split.TRAIN), source.load(Split.VALIDATION)
    assert str(train.format) == "clips of up to 20 frames of 1×64×64 with 8 bits"
    assert train.labels is not None
    assert held_out.labels is not None
    # Three clips of 20 frames in each video of 65; by name of the file.
    assert [ACTIONS[label] for label in train.labels] == ["boxing"] * 3 + ["running"] * 3 + ["walking"] * 3
    assert {ACTIONS[label] for label in held_out.labels} == {"handwaving"}
    assert train.values.max() == 202
    assert held_out.values.max() == 225
    assert train.name == "KTH, clips of 20 frames, 5 of 599 videos"


def test_clips_of_background_alone_are_left_out_and_counted(folder: Path) -> None:
    train = KTH(folder=folder, train=None).load(Split.TRAIN)
    assert train.left_out == {"clips that move less than 2 grey levels": 3}
    assert len(KTH(folder=folder, train=None, least_motion=0.0).load(Split.TRAIN)) == 12


def test_so_many_clips_are_drawn_with_a_seed(folder: Path) -> None:
    drawn = [KTH(folder=folder, train=4, seed=seed).load(Split.TRAIN) for seed in (0, 0, 1)]
    whole = KTH(folder=folder, train=None).load(Split.TRAIN)
    assert [len(part) for part in drawn] == [4, 4, 4]
    assert drawn[0].sha256 == drawn[1].sha256 != drawn[2].sha256
    clips = {whole.at(np.array([place])).sha256 for place in range(9)}
    assert {drawn[0].at(np.array([place])).sha256 for place in range(4)} < clips


def test_the_thesis_counts_are_not_quietly_undercut(folder: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"^KTH, .*, 5 of 599 videos has 9 clips that move in its split 'train', not 3013; set train to none",
    ):
        KTH(folder=folder).load(Split.TRAIN)


def test_test_clips_are_those_of_named_persons(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"^KTH has no test clips of its own: say whose they are with 'test_persons'\.$"
    ):
        KTH(folder=folder).load(Split.TEST)
    source = KTH(folder=folder, train=None, test_persons=(2,))
    assert len(source.load(Split.TEST)) == 6
    assert len(source.load(Split.TRAIN)) == 3


def test_folders_without_videos_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"^There is no folder .*none, where KTH's videos should be\.$"):
        KTH(folder=tmp_path / "none").load(Split.TRAIN)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no videos of KTH, such as person01_boxing_d1_uncomp\.avi\.$"):
        KTH(folder=tmp_path / "empty").load(Split.TRAIN)
    with pytest.raises(DataError, match=r"has no video for the split 'validation', of persons \[3, 4\]\.$"):
        KTH(folder=folder, validation_persons=(3, 4)).load(Split.VALIDATION)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_persons": (1, 26)}, r"^Persons 1 to 25 are in one split each, .*validate with are \(1, 26\)"),
        ({"validation_persons": (1,), "test_persons": (1,)}, r"those to test on \(1,\)\.$"),
        ({"validation_persons": tuple(range(1, 26))}, r"some are left to train on"),
        ({"validation": 0}, r"^validation must be 1 clip or more, or none for all of them; it is 0\.$"),
        ({"size": 0}, r"^size must be 1 pixel or more, not 0\.$"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        KTH(folder=Path("kth"), **changes)


def test_without_pyav_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    all_in_one_place(tmp_path)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        DataError, match=r'^person01_boxing_d1_uncomp.avi is a video, which PyAV reads: pip install "latentia\[video\]"'
    ):
        KTH(folder=tmp_path).load(Split.TRAIN)


def write_avi(path: Path, video: np.ndarray) -> None:
    """Write frames as KTH's files have them: MPEG-4 in AVI, 25 frames a second."""
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'latentia[video]'")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = video.shape[1:]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode(None))


def test_real_avi_files_are_decoded_to_grey_frames(tmp_path: Path) -> None:
    for person in (1, 25):
        write_avi(tmp_path / f"person{person:02}_walking_d1_uncomp.avi", scene(moves=True))
    write_avi(tmp_path / "person02_walking_d1_uncomp.avi", scene(moves=False))
    decoded = kth.read_grey(tmp_path / "person01_walking_d1_uncomp.avi")
    assert decoded.shape == (FRAMES, 120, 160)
    # The codec loses a little, and nothing is rescaled from a smaller range of greys.
    assert np.abs(decoded.astype(int) - scene(moves=True)).mean() < 3
    assert np.median(decoded[:, 60, 0]) == pytest.approx(BACKGROUND, abs=2)
    train = KTH(folder=tmp_path, train=None).load(Split.TRAIN)
    assert len(train) == 3
    assert train.left_out == {"clips that move less than 2 grey levels": 3}
    assert len(KTH(folder=tmp_path, validation=2).load(Split.VALIDATION)) == 2


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'latentia[video]'")
    path = tmp_path / "person01_walking_d1_uncomp.avi"
    path.write_bytes(b"RIFF and nothing else")
    with pytest.raises(DataError, match=r"person01_walking_d1_uncomp.avi cannot be read as a video: .*Invalid data"):
        KTH(folder=tmp_path).load(Split.TRAIN)
