"""`latentia segment` and `latentia evaluate-segmentation` on volumes that are damaged or stored in another way."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from latentia.cli import main

pytest.importorskip("monai")
nibabel = pytest.importorskip("nibabel")
STORED = np.diag([-0.7, 0.7, 2.0, 1.0])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patients in `lits`, two of five slices without liver, and a run of a few steps in `run`."""
    place = tmp_path_factory.mktemp("volumes")
    (place / "lits").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        labels = np.zeros((20, 16, 5), np.uint8)
        labels[4:12, 3:10, 1:4] = 1
        volume = (np.where(labels > 0, 120, -100) + rng.normal(0, 20, labels.shape)).astype(np.int16)
        for values, name in ((volume, "volume"), (labels, "segmentation")):
            nibabel.save(nibabel.Nifti1Image(values, STORED), place / "lits" / f"{name}-{number}.nii")
    values = {
        "data": {"set": "livers", "folder": str(place / "lits"), "size": 16},
        "model": {"kind": "u_net", "widths": [4, 8], "sdn": {"features": 4, "layers": 1}},
        "training": {"steps": 3, "batch": 4, "evaluate_steps": 3, "accelerator": "cpu"},
    }
    (place / "livers.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert main(["train-segmentation", str(place / "livers.yaml"), "--out", str(place / "run")]) == 0
    return place


def test_every_slice_of_the_test_patient_is_measured(place: Path, tmp_path: Path) -> None:
    assert main(["evaluate-segmentation", str(place / "run"), "--out", str(tmp_path)]) == 0
    with (tmp_path / "test.csv").open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert sorted(name.partition(", ")[2] for name in names) == [f"slice {depth}" for depth in range(5)]


@pytest.mark.parametrize("damage", ["code", "cut", "packing", "nothing", "sides", "colours", "complex"])
def test_a_damaged_volume_is_one_sentence_and_leaves_no_mask(
    place: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / ("v.nii.gz" if damage == "packing" else "v.nii"), tmp_path / "out"
    values: np.ndarray = np.random.default_rng(0).normal(0, 100, (20, 16, 5)).astype(np.int16)
    if damage == "colours":
        values = np.zeros(values.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    if damage == "complex":
        values = values.astype(np.complex64)
    nibabel.save(nibabel.Nifti1Image(values, STORED), source)
    content = bytearray(source.read_bytes())
    if damage == "code":
        content[70:72] = b"\x67\x12"
    if damage == "cut":
        content = content[:1000]
    if damage == "packing":
        content[1500:1600] = bytes(100)
    if damage == "nothing":
        content[46:48] = bytes(2)
    if damage == "sides":
        content[42:44] = b"\xf0\xff"
    source.write_bytes(content)
    assert main(["segment", str(place / "run"), str(source), "--out", str(out)]) == 2
    printed = capsys.readouterr().err
    assert str(source) in printed and printed.count("\n") == 1
    assert not list(out.iterdir())


def test_two_copies_of_a_patient_are_one_sentence(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (place / "lits").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    nibabel.save(nibabel.load(tmp_path / "volume-3.nii"), tmp_path / "volume-3.nii.gz")
    words = ["evaluate-segmentation", str(place / "run"), "--set", f"data.folder={tmp_path}"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert "volume-3.nii and " in printed and "volume-3.nii.gz are both the volume of patient 3" in printed
    assert printed.count("\n") == 1
