from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from latentia.data import FieldSet, Split
from latentia.data.single import read_masks, read_values
from latentia.errors import DataError
from latentia.images import ImageFormat

GREY = ImageFormat(channels=1, height=2, width=3)


def test_pictures_become_shares_at_the_models_bits(tmp_path: Path) -> None:
    levels = np.array([[0, 7, 8], [128, 247, 255]], np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert read_values(tmp_path / "a.png", GREY).tolist() == [[(levels / 255).tolist()]]
    five = ImageFormat(channels=1, height=2, width=3, bits=5)
    assert read_values(tmp_path / "a.png", five)[0, 0].numpy() == pytest.approx((levels // 8) / 31)


@pytest.mark.parametrize("axes", [2, 3])
def test_arrays_are_whole_numbers_or_shares(axes: int, tmp_path: Path) -> None:
    levels = np.array([[0, 1, 2], [128, 254, 255]])
    shares = np.where(levels == 1, np.nan, levels / 255)
    for values, wanted in ((levels, levels / 255), (shares, shares), (shares.astype(np.float32), shares)):
        np.savez(tmp_path / "a.npz", values=values if axes == 2 else values[None])
        assert read_values(tmp_path / "a.npz", GREY)[0, 0].numpy() == pytest.approx(wanted, nan_ok=True)


def test_snapshots_are_scaled_as_the_field_and_come_from_arrays_alone(tmp_path: Path) -> None:
    fields = FieldSet(
        values=np.zeros((1, 2, 2, 3), np.float32),
        lowest=np.array([10.0, -1.0]),
        highest=np.array([30.0, 1.0]),
        format=ImageFormat(channels=2, height=2, width=3),
        name="flow",
        split=Split.TRAIN,
    )
    np.savez(tmp_path / "a.npz", values=np.stack([np.full((2, 3), 15), np.full((2, 3), 2)]))
    found = read_values(tmp_path / "a.npz", fields.format, fields)
    assert found[0, :, 0, 0].tolist() == [0.25, 1.5]
    with pytest.raises(DataError, match=r"is read from an NPZ file with an array 'values', not from a\.png\.$"):
        read_values(Path("a.png"), fields.format, fields)


def test_whole_numbers_are_within_the_levels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", values=np.array([[0, 1, 2], [3, -4, 5]]))
    with pytest.raises(DataError, match=r"'values' in .*a.npz was to hold 0 to 255; it holds -4 to 5\.$"):
        read_values(tmp_path / "a.npz", GREY)


def test_masks_are_true_where_white_is(tmp_path: Path) -> None:
    levels = np.array([[0, 127, 128], [255, 1, 254]], np.uint8)
    wanted = levels > 127
    Image.fromarray(levels).save(tmp_path / "a.png")
    Image.fromarray(np.stack([levels, np.full_like(levels, 255), levels], -1)).save(tmp_path / "colour.png")
    Image.fromarray(wanted).save(tmp_path / "b.png")
    np.savez(tmp_path / "a.npz", mask=wanted)
    np.savez(tmp_path / "b.npz", mask=wanted * 0.5)
    for name in ("a.png", "colour.png", "b.png", "a.npz", "b.npz"):
        assert read_masks(tmp_path / name).tolist() == [[wanted.tolist()]]
    np.savez(tmp_path / "several.npz", mask=np.stack([wanted, ~wanted])[:, None])
    assert torch.equal(read_masks(tmp_path / "several.npz")[:, 0], torch.from_numpy(np.stack([wanted, ~wanted])))
