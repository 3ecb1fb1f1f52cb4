"""CVC-ClinicDB and LiTS, on small files of the real form."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.pictures import read_grey, read_mask
from latentia.data.polyps import Polyps
from latentia.data.segmentation_sets import GroupSplit, check_apart
from latentia.errors import DataError, SettingError

ALL = GroupSplit(validation=0, test=0)


@pytest.fixture
def polyps(tmp_path: Path) -> Path:
    """Twelve frames of four sequences."""
    folder = tmp_path / "CVC-ClinicDB"
    for name in ("Original", "Ground Truth"):
        (folder / name).mkdir(parents=True)
    rows = ["frame_id,sequence_id,tif_image_path"]
    for frame in range(1, 13):
        mask = np.zeros((18, 24), np.uint8)
        mask[4:10, 6 : 8 + frame] = 255
        colours = np.stack([mask // 2 + 60, mask // 4, mask // 8], -1)
        Image.fromarray(colours).save(folder / "Original" / f"{frame}.tif")
        Image.fromarray(mask).save(folder / "Ground Truth" / f"{frame}.tif")
        rows.append(f"{frame},{(frame + 2) // 3},TIF/Original/{frame}.tif")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_frames_of_one_sequence_are_in_one_part(polyps: Path) -> None:
    source = Polyps(folder=polyps, width=24, height=18)
    parts = [source.load(split) for split in Split]
    check_apart(parts, "sequence")
    assert [len(part) for part in parts] == [6, 3, 3]
    assert sorted(int(name) for part in parts for name in part.names) == list(range(1, 13))
    assert parts[0].images.shape == (6, 3, 18, 24)
    assert ((parts[0].images[:, :1] > 100) == parts[0].masks).all()


def test_polyps_without_their_sequences_or_with_another_mask_are_refused(polyps: Path) -> None:
    Image.fromarray(np.zeros((24, 18), np.uint8)).save(polyps / "Ground Truth" / "5.tif")
    with pytest.raises(DataError, match=r"5\.tif is 18×24 \(height, width\) and its mask 24×18"):
        Polyps(folder=polyps, division=ALL).load(Split.TRAIN)
    (polyps / "metadata.csv").write_text("frame_id\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="a frame_id and a sequence_id in each of its rows"):
        Polyps(folder=polyps).load(Split.TRAIN)
    (polyps / "metadata.csv").unlink()
    with pytest.raises(DataError, match="which sequence each frame is of"):
        Polyps(folder=polyps).load(Split.TRAIN)
    with pytest.raises(SettingError, match="not 0"):
        Polyps(folder=polyps, width=0)


def save_nifti(array: np.ndarray, path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1, 1, 1, 1])), path)  # as most files of LiTS


@pytest.fixture
def livers(tmp_path: Path) -> Path:
    """Four patients with volumes of 12×10×3, the first slice of which has no liver; the third has a tumour."""
    folder = tmp_path / "lits"
    (folder / "batch 1").mkdir(parents=True)
    for number in range(4):
        labels = np.zeros((12, 10, 3), np.uint8)
        labels[2:6, 4:9, 1:] = 1
        labels[3, 5, 2] = 2
        volume = np.where(labels > 0, 100, -500).astype(np.int16)
        end = ".nii.gz" if number % 2 else ".nii"
        save_nifti(volume, folder / "batch 1" / f"volume-{number}{end}")
        save_nifti(labels, folder / f"segmentation-{number}{end}")
    return folder


def test_slices_of_one_patient_are_in_one_part_and_a_tumour_counts_as_liver(livers: Path) -> None:
    source = LiverVolumes(folder=livers, size=8)
    parts = [source.load(split) for split in Split]
    check_apart(parts, "patient")
    assert [len(part) for part in parts] == [4, 2, 3]
    assert not [name for part in parts[:2] for name in part.names if name.endswith("slice 0")]
    one = parts[0]
    assert (one.masks[0] == one.masks[1]).all()  # with and without a tumour
    assert one.images[one.masks].min() > one.images[~one.masks].min() == 0


def test_slices_lie_as_they_are_seen_and_those_without_liver_may_be_kept(livers: Path) -> None:
    loaded = LiverVolumes(folder=livers, size=12, with_liver_alone=False, division=ALL).load(Split.TRAIN)
    assert len(loaded) == 12
    assert loaded.empty == tuple(f"{patient}, slice 0" for patient in range(4))
    rows, columns = np.nonzero(loaded.masks[1, 0])
    assert (columns.min(), columns.max()) == (2, 5)  # the first axis of LiTS's files runs as columns do
    assert rows.max() > 9


def test_what_is_wrong_with_a_patient_is_said_in_one_sentence(livers: Path) -> None:
    source = LiverVolumes(folder=livers, division=ALL)
    file = livers / "segmentation-2.nii"
    save_nifti(np.full((12, 10, 3), 3, np.uint8), file)
    with pytest.raises(DataError, match="1 for liver and 2 for tumour; it holds 3"):
        source.load(Split.TRAIN)
    save_nifti(np.zeros((12, 10, 2), np.uint8), file)
    with pytest.raises(DataError, match="is 12×10×3 and its segmentation 12×10×2"):
        source.load(Split.TRAIN)
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a NIfTI file"):
        source.load(Split.TRAIN)
    file.unlink()
    with pytest.raises(DataError, match=r"volume-2\.nii has no segmentation-2\.nii"):
        source.load(Split.TRAIN)
    with pytest.raises(DataError, match=r"has no volume-N\.nii files"):
        LiverVolumes(folder=livers / "nowhere").load(Split.TRAIN)
    with pytest.raises(SettingError, match="darkest must be below brightest"):
        LiverVolumes(folder=livers, darkest=10, brightest=10)


@pytest.mark.real_data
@pytest.mark.parametrize("part", ["train", "val"])
def test_a_real_slice_of_a_liver_and_its_mask_are_read(part: str) -> None:
    folder = Path(os.environ.get("LATENTIA_DATA", "../shared/data")) / "liver"
    if not folder.is_dir():
        pytest.skip("the real slices are not here")
    image = read_grey(folder / f"liver_{part}_000.png")
    mask = read_mask(folder / f"liver_{part}_000_mask.png", image.shape)
    assert image.shape == (512, 512)
    assert 0.001 < mask.mean() < 0.3
