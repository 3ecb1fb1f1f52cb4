"""LiTS's volumes: which slices and files count, and how voxels become bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.segmentation_sets import GroupSplit
from latentia.errors import DataError

nibabel = pytest.importorskip("nibabel")
ALL = GroupSplit(validation=0, test=0)
STORED = np.diag([-0.7, 0.7, 5.0, 1.0])
"""As LiTS's files are stored: towards the left, the front, the head."""


def save(values: np.ndarray, path: Path, affine: np.ndarray = STORED) -> None:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


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
