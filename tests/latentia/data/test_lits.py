"""LiTS's volumes: which slices and files count, and how files are read."""

from __future__ import annotations

import gzip
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from tests.latentia.packed_files import count_opened

from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.segmentation_sets import GroupSplit, SegmentationSet
from latentia.errors import DataError

nibabel = pytest.importorskip("nibabel")
ALL = GroupSplit(validation=0, test=0)
STORED = np.diag([-0.7, 0.7, 5.0, 1.0])
"""As LiTS's files are stored: towards the left, the front, the head."""


def save(values: np.ndarray, path: Path, axes: str = "LAS", affine: np.ndarray = STORED) -> Path:
    """Save voxels that lie towards the left, the front and the head, in a file with other axes."""
    tools = nibabel.orientations
    turn = tools.ornt_transform(tools.io_orientation(affine), tools.axcodes2ornt(axes))
    nibabel.save(nibabel.Nifti1Image(values, affine).as_reoriented(turn), path)
    return path


@pytest.fixture
def livers(tmp_path: Path) -> Path:
    """Four patients with volumes of 12×10×3; the first slice has no liver."""
    folder = tmp_path / "lits"
    (folder / "more").mkdir(parents=True)
    labels = np.zeros((12, 10, 3), np.uint8)
    labels[2:6, 4:9, 1:] = 1
    for number in range(4):
        save(np.where(labels > 0, 100, -500).astype(np.int16), folder / f"volume-{number}.nii")
        save(labels, folder / f"segmentation-{number}.nii")
    return folder


def test_every_slice_of_the_test_patients_counts(livers: Path) -> None:
    source = LiverVolumes(folder=livers, size=8)
    train, validation, test = (source.load(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
    assert [len(train), len(validation), len(test)] == [4, 2, 3]
    assert (train.empty, validation.empty) == ((), ())
    assert test.empty == (f"{test.groups[0]}, slice 0",)


@pytest.mark.parametrize("kind", ["volume", "segmentation"])
@pytest.mark.parametrize("copy", ["more/{}-2.nii", "{}-2.nii.gz", "{}-02.nii"])
def test_two_copies_of_a_patient_are_refused_by_their_names(livers: Path, kind: str, copy: str) -> None:
    second = livers / copy.format(kind)
    save(np.zeros((12, 10, 3), np.int16), second)
    with pytest.raises(DataError, match=f"are both the {kind} of patient 2") as caught:
        LiverVolumes(folder=livers, division=ALL).load(Split.TRAIN)
    assert str(second) in str(caught.value) and str(livers / f"{kind}-2.nii") in str(caught.value)


def test_a_folder_with_the_name_of_the_file_in_it_is_no_second_copy(livers: Path) -> None:
    shutil.move(livers / "volume-1.nii", livers / "volume")
    (livers / "volume-1.nii").mkdir()
    shutil.move(livers / "volume", livers / "volume-1.nii" / "volume-1.nii")
    assert len(LiverVolumes(folder=livers, division=ALL).load(Split.TRAIN)) == 8


def pair(folder: Path, *, axes: tuple[str, str], ending: str = ".nii", shape: tuple[int, ...] = (20, 16, 6)) -> Path:
    """A folder with one patient: noise and marks, neither of which looks alike when it is turned or mirrored."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    marks = np.zeros(shape, np.uint8)
    marks[2:9, 3:12, 1:4] = 1
    marks[2:4, 3:5, 4] = 2
    volume = rng.integers(-300, 300, shape).astype(np.int16)
    save(volume, folder / f"volume-0{ending}", axes[0])
    save(marks, folder / f"segmentation-0{ending}", axes[1])
    return folder


def everything(folder: Path) -> SegmentationSet:
    return LiverVolumes(folder=folder, size=16, division=ALL, with_liver_alone=False).load(Split.TRAIN)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axes", [("LPS", "LPS"), ("RAS", "RAS"), ("PIR", "PIR"), ("SAR", "SAR"), ("LAS", "RPI")])
def test_slices_are_the_same_whatever_the_axes_of_the_files(tmp_path: Path, axes: tuple[str, str], ending: str) -> None:
    wanted = everything(pair(tmp_path / "usual", axes=("LAS", "LAS")))
    found = everything(pair(tmp_path / "other", axes=axes, ending=ending))
    assert found.images.shape == (6, 1, 16, 16)
    assert (found.images == wanted.images).all()
    assert (found.masks == wanted.masks).all()
    assert found.names == wanted.names


@pytest.mark.parametrize("said", [True, False])
def test_a_file_with_the_usual_axes_or_that_says_none_is_cut_as_it_is(tmp_path: Path, said: bool) -> None:
    folder = pair(tmp_path / "usual", axes=("LAS", "LAS"), shape=(16, 16, 6))
    for file in folder.iterdir():
        if not said:
            spoil(file, 252, 0, 0, 0, 0)  # the codes of both forms of the affine
        assert (int(nibabel.load(file).header["sform_code"]) > 0) == said
    found = everything(folder)
    marks = np.asarray(nibabel.load(folder / "segmentation-0.nii").dataobj)
    assert (found.masks[:, 0] == (marks > 0).transpose(2, 1, 0)).all()


def test_a_segmentation_whose_header_may_lie_is_refused(tmp_path: Path) -> None:
    folder = pair(tmp_path / "lits", axes=("LAS", "LAS"))
    marks = np.asarray(nibabel.load(folder / "segmentation-0.nii").dataobj)
    nibabel.save(nibabel.Nifti1Image(marks, np.diag([0.7, 0.7, 5, 1])), folder / "segmentation-0.nii")
    with pytest.raises(DataError, match=r"The axes of .*segmentation-0\.nii point elsewhere than those of .*volume-0"):
        everything(folder)


@pytest.mark.parametrize("axes", [("LAS", "LAS"), ("RPI", "LAS"), ("PIR", "SAR")])
def test_a_packed_file_is_unpacked_once_and_not_for_each_slice(
    tmp_path: Path, axes: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pair(tmp_path / "lits", axes=axes, ending=".nii.gz", shape=(20, 16, 30))
    counted = count_opened(monkeypatch)
    assert len(everything(folder)) == 30
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size <= counted.read <= 3 * size  # for the kind of file, for the header, and for the voxels


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_all_files_are_closed_even_after_an_error(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, wrong = (pair(tmp_path / name, axes=("LAS", "LAS"), ending=ending) for name in ("whole", "wrong"))
    save(np.full((20, 16, 6), 3, np.uint8), wrong / f"segmentation-0{ending}")
    held: list[object] = []  # nibabel closes a file when it is forgotten
    load = nibabel.load
    monkeypatch.setattr(nibabel, "load", lambda *words, **names: held.append(load(*words, **names)) or held[-1])
    counted = count_opened(monkeypatch)
    everything(whole)
    with pytest.raises(DataError, match="it holds 3"):
        everything(wrong)
    assert len(held) == 4
    assert len(counted.files) > 4 and all(file.closed for file in counted.files)


@pytest.mark.parametrize("axes, ending", [("LAS", ".nii.gz"), ("RPI", ".nii.gz"), ("LAS", ".nii"), ("PIR", ".nii")])
def test_a_slice_at_a_time_is_in_memory(tmp_path: Path, axes: str, ending: str) -> None:
    folder = pair(tmp_path / "lits", axes=(axes, axes), ending=ending, shape=(64, 64, 200))
    source = LiverVolumes(folder=folder, size=1, division=ALL)
    source.load(Split.TRAIN)
    tracemalloc.start()
    source.load(Split.TRAIN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 64 * 200  # a byte for each voxel, of which the file has two and the numbers eight


def spoil(file: Path, place: int, *values: int) -> None:
    content = bytearray(file.read_bytes())
    content[place : place + len(values)] = bytes(values)
    file.write_bytes(content)


@pytest.mark.parametrize(
    "place, values, said",
    [
        (70, (0x67, 0x12), "cannot be read as a NIfTI file: .*not recognized"),
        (70, (128, 0, 24, 0), "was to hold a real number for each voxel"),
        (70, (32, 0, 64, 0), "was to hold a real number for each voxel; it holds complex64"),
        (42, (0xF0, 0xFF), "cannot be read|was to have voxels along each axis; it is -16×16×6"),
        (46, (0, 0), "was to have voxels along each axis; it is 20×16×0"),
        (40, (2, 0), "was to be a volume with three axes; it has 2"),
        (42, (0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F), "tells of 32767×32767×32767 voxels, which it cannot hold"),
        (280, (0, 0, 0xC0, 0x7F), "does not say where its axes point"),
        (280, (0,) * 48, "does not say where its axes point"),
    ],
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_what_is_wrong_with_a_header_is_said_in_one_sentence(
    tmp_path: Path, place: int, values: tuple[int, ...], said: str, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = pair(tmp_path / "lits", axes=("LAS", "LAS"))
    file = folder / "volume-0.nii"
    spoil(file, place, *values)
    if ending == ".nii.gz":
        content = gzip.compress(file.read_bytes())
        file.unlink()
        file = folder / "volume-0.nii.gz"
        file.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        everything(folder)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    assert not caplog.records  # nibabel says it too, where it is let


def test_voxels_that_are_damaged_or_missing_are_said_in_one_sentence(tmp_path: Path) -> None:
    folder = pair(tmp_path / "lits", axes=("LAS", "LAS"), ending=".nii.gz")
    file = folder / "volume-0.nii.gz"
    whole = file.read_bytes()
    for place in range(20, len(whole), 37):
        file.write_bytes(whole)
        spoil(file, place, whole[place] ^ 255)
        with pytest.raises(DataError, match=r"volume-0\.nii\.gz ") as caught:
            everything(folder)
        assert "\n" not in str(caught.value)
    file.write_bytes(whole[:2000])
    with pytest.raises(DataError, match=r"volume-0\.nii\.gz is damaged in slice \d"):
        everything(folder)
    file.unlink()
    plain = gzip.decompress(whole)
    (folder / "volume-0.nii").write_bytes(plain[:-1])
    with pytest.raises(DataError, match="its header tells of 20×16×6 voxels, which it cannot hold"):
        everything(folder)
