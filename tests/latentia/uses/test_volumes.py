"""Masks of volumes: they lie over the volume, whatever it holds and however its file is laid out."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.latentia.packed_files import count_opened

from latentia.data.images import Split
from latentia.data.lits import LiverVolumes
from latentia.data.segmentation_sets import GroupSplit
from latentia.errors import DataError
from latentia.layers.segmentation_block import DependencyConfig
from latentia.models.base import SegmentationModel
from latentia.models.u_net import UNetConfig
from latentia.uses.volumes import segment_volume

nibabel = pytest.importorskip("nibabel")
STORED = np.diag([-0.7, 0.7, 5.0, 1.0])


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """A U-Net with a spatial dependency layer, in which a pixel depends on all others; it marks about half."""
    torch.manual_seed(0)
    made = UNetConfig(widths=(4, 8), sdn=DependencyConfig(features=4, layers=1)).build(1).eval()
    with torch.no_grad():
        made.head.bias -= torch.quantile(made(torch.rand(4, 1, 24, 24))[0], 0.5)
    return made


def voxels(shape: tuple[int, ...] = (24, 20, 6)) -> np.ndarray:
    return np.random.default_rng(0).normal(40, 150, shape).astype(np.int16)


def save(values: np.ndarray, path: Path, affine: np.ndarray = STORED) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def masked(model: SegmentationModel, source: Path, **settings: Any) -> Any:
    """Segment a volume, and open what was written."""
    target = source.parent / "mask.nii.gz"
    usual = {"range_of_values": (-160.0, 240.0), "size": (16, 16), "window": 16, "batch": 4}
    share = segment_volume(model, source, target, **{**usual, **settings})
    found = nibabel.load(target)
    assert share == np.asarray(found.dataobj).mean()
    return found


def test_a_voxel_that_is_no_number_is_darkest(model: SegmentationModel, tmp_path: Path) -> None:
    values = voxels().astype(np.float32)
    dark = values.copy()
    dark[:4, :, 1] = -1000
    wanted = np.asarray(masked(model, save(dark, tmp_path / "dark.nii")).dataobj)
    values[:4, :, 1] = np.nan
    found = np.asarray(masked(model, save(values, tmp_path / "nan.nii")).dataobj)
    assert 0.1 < wanted[..., 1].mean() < 0.9
    assert (found == wanted).all()


def test_a_network_sees_the_bytes_it_was_trained_on(
    model: SegmentationModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = voxels((16, 16, 3)).astype(np.float32)
    values[0, :10, 0] = [-2000, -160, -159, 0, 239.4, 240, 2000, np.inf, -np.inf, np.nan]
    source = save(values, tmp_path / "volume-0.nii")
    save(np.ones(values.shape, np.uint8), tmp_path / "segmentation-0.nii")
    everything = GroupSplit(validation=0, test=0)
    trained = LiverVolumes(folder=tmp_path, size=16, division=everything).load(Split.TRAIN).images
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(model, "probabilities", lambda images: seen.append(images) or images)
    masked(model, source)
    assert ((torch.cat(seen) * 255).numpy() == trained).all()
    assert trained[0, 0, :10, 0].tolist() == [0, 0, 1, 102, 255, 255, 255, 255, 0, 0]


def test_a_mask_keeps_where_the_volume_is_and_its_units_and_nothing_about_the_patient(
    model: SegmentationModel, tmp_path: Path
) -> None:
    turned = STORED @ np.array([[0.96, -0.28, 0, -10], [0.28, 0.96, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(voxels(), turned)
    image.set_qform(turned, code="scanner")
    image.set_sform(turned, code="mni")
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"J. Doe, born 1970"
    nibabel.save(image, tmp_path / "v.nii")
    source, found = nibabel.load(tmp_path / "v.nii"), masked(model, tmp_path / "v.nii")
    assert found.header.get_xyzt_units() == ("mm", "sec")
    assert found.header.get_zooms() == source.header.get_zooms()
    for read in ("get_qform", "get_sform"):
        (one, code), (other, wanted) = (getattr(it, read)(coded=True) for it in (found, source))
        assert code == wanted > 0
        assert (one == other).all()
    assert (found.affine == source.affine).all()
    assert found.get_data_dtype() == np.uint8
    assert b"Doe" not in bytes(found.header["descrip"])


def turned(image: Any, axes: str) -> Any:
    """Give a volume with other axes, that lies where it lay."""
    tools = nibabel.orientations
    return image.as_reoriented(tools.ornt_transform(tools.io_orientation(image.affine), tools.axcodes2ornt(axes)))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR", "SAR", "RPI"])
def test_a_mask_is_the_same_in_space_whatever_the_axes_of_the_file(
    model: SegmentationModel, tmp_path: Path, axes: str, ending: str
) -> None:
    oblique = STORED @ np.array([[0.96, -0.28, 0, -10], [0.28, 0.96, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])
    usual = nibabel.Nifti1Image(voxels(), oblique)
    nibabel.save(usual, tmp_path / "usual.nii")
    wanted = np.asarray(masked(model, tmp_path / "usual.nii").dataobj)
    other = turned(usual, axes)
    assert nibabel.aff2axcodes(other.affine) == tuple(axes)
    nibabel.save(other, tmp_path / f"other{ending}")
    found = masked(model, tmp_path / f"other{ending}")
    assert found.shape == other.shape
    assert np.allclose(found.affine, other.affine, atol=1e-5)
    assert 0.1 < wanted.mean() < 0.9
    assert (np.asarray(turned(found, "LAS").dataobj) == wanted).all()


@pytest.mark.parametrize("axes", ["LAS", "RPI", "PIR"])
def test_a_packed_volume_is_unpacked_once_and_closed(
    model: SegmentationModel, tmp_path: Path, axes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "v.nii.gz"
    nibabel.save(turned(nibabel.Nifti1Image(voxels((24, 20, 30)), STORED), axes), source)
    counted = count_opened(monkeypatch)
    segment_volume(model, source, tmp_path / "m.nii.gz", range_of_values=(-160, 240), size=(16, 16), window=16, batch=4)
    size = source.stat().st_size
    assert size <= counted.read <= 3 * size  # for the kind of file, for the header, and for the voxels
    assert all(file.closed for file in counted.files)


@pytest.mark.parametrize("shape, said", [((24, 20, 0), "is 24×20×0"), ((24, 20), "three axes; it has 2")])
def test_what_is_no_volume_is_refused(
    model: SegmentationModel, tmp_path: Path, shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        masked(model, save(np.zeros(shape, np.int16), tmp_path / "v.nii"))
    assert not (tmp_path / "mask.nii.gz").exists()


@pytest.mark.parametrize(
    "ending, inside, end",
    [(".nii", False, None), (".nii", False, 352), (".nii.gz", False, None), (".nii.gz", True, 352)],
)
def test_bytes_that_are_wrong_end_in_a_mask_or_in_one_sentence(
    model: SegmentationModel, tmp_path: Path, ending: str, inside: bool, end: int | None
) -> None:
    rng = np.random.default_rng(0)
    file = save(voxels((8, 8, 2)), tmp_path / f"v{ending}")
    whole = gzip.decompress(file.read_bytes()) if inside else file.read_bytes()
    sentences = 0
    for _ in range(80):
        content = bytearray(whole)
        for place in rng.integers(0, end or len(content), 3):
            content[place] = rng.integers(256)
        file.write_bytes(gzip.compress(content) if inside else content)
        try:
            masked(model, file, size=(8, 8))
        except DataError as error:
            assert str(file) in str(error) and "\n" not in str(error)
            sentences += 1
    assert sentences > 5
