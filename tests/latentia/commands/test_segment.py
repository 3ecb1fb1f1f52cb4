"""`latentia train-segmentation` and `latentia segment`, from files to masks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from latentia.cli import main
from latentia.configs import SEGMENTATION, packaged
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.runs.segmentation import read_segmentation_configuration

pytest.importorskip("monai")
nibabel = pytest.importorskip("nibabel")


def save_pair(place: Path, number: int, rng: np.random.Generator) -> None:
    mask = np.zeros((16, 16), np.uint8)
    top, left = rng.integers(1, 8, 2)
    mask[top : top + 7, left : left + 7] = 255
    (place / "images").mkdir(parents=True)
    (place / "masks").mkdir()
    image = (mask // 2 + rng.integers(0, 90, mask.shape)).astype(np.uint8)
    Image.fromarray(image).save(place / "images" / f"{number}.png")
    Image.fromarray(mask).save(place / "masks" / "0.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 images in `nuclei`, a configuration in `sdu.yaml`, and a run in `run`."""
    folder = tmp_path_factory.mktemp("segmentation")
    rng = np.random.default_rng(0)
    for number in range(40):
        save_pair(folder / "nuclei" / f"{number:03d}", number, rng)
    values = {
        "data": {"set": "nuclei", "folder": str(folder / "nuclei"), "size": 16},
        "model": {"kind": "u_net", "widths": [4, 8], "sdn": {"features": 4, "layers": 1}},
        "training": {"steps": 60, "batch": 8, "evaluate_steps": 20, "learning_rate": 0.01, "accelerator": "cpu"},
    }
    (folder / "sdu.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert main(["train-segmentation", str(folder / "sdu.yaml"), "--out", str(folder / "run")]) == 0
    return folder


def image_and_mask(place: Path, number: int) -> tuple[Path, Path]:
    folder = place / "nuclei" / f"{number:03d}"
    return folder / "images" / f"{number}.png", folder / "masks" / "0.png"


def test_a_run_holds_configuration_record_history_and_model(place: Path) -> None:
    names = {path.name for path in (place / "run").iterdir()}
    assert {"config.yaml", "record.json", "history.csv", "model.safetensors", "checkpoint.safetensors"} <= names
    assert len((place / "run" / "history.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_masks_and_overlays_are_written_and_compared(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, mask = image_and_mask(place, 3)
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "3.png").write_bytes(mask.read_bytes())
    out = tmp_path / "out"
    assert main(["segment", str(place / "run"), str(image), "--masks", str(masks), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"3_mask.png", "3_overlay.png"}
    found = np.asarray(Image.open(out / "3_mask.png").convert("L")) > 0
    given = np.asarray(Image.open(mask)) > 0
    dice = 2 * (found & given).sum() / (found.sum() + given.sum())
    assert dice > 0.7
    assert f"Dice {dice:.1%}" in capsys.readouterr().out
    overlay = np.asarray(Image.open(out / "3_overlay.png")).astype(int)
    red = overlay[..., 0] > overlay[..., 2] + 50
    blue = overlay[..., 2] > overlay[..., 0] + 50
    assert (red == (found & ~given)).all() and (blue == (given & ~found)).all()


@pytest.mark.parametrize("words", [[], ["--windows"]])
def test_an_image_of_another_size_gets_a_mask_of_its_size(place: Path, tmp_path: Path, words: list[str]) -> None:
    pixels = np.asarray(Image.open(image_and_mask(place, 1)[0]))
    Image.fromarray(np.tile(pixels, (3, 2))[:37, :29]).save(tmp_path / "large.png")
    out = tmp_path / "out"
    assert main(["segment", str(place / "run"), str(tmp_path / "large.png"), "--out", str(out), *words]) == 0
    assert Image.open(out / "large_mask.png").size == (29, 37)


def test_what_does_not_fit_is_one_sentence_and_leaves_no_mask(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, _ = image_and_mask(place, 3)
    masks, out, run = tmp_path / "masks", tmp_path / "out", str(place / "run")
    masks.mkdir()
    for values, said in (
        (np.zeros((16, 8), np.uint8), "is 16×16 (height, width) and its mask 16×8"),
        (np.arange(256, dtype=np.uint8).reshape(16, 16), "was to hold two values"),
    ):
        Image.fromarray(values).save(masks / "3.png")
        assert main(["segment", run, str(image), "--masks", str(masks), "--out", str(out)]) == 2
        printed = capsys.readouterr().err
        assert said in printed and printed.count("\n") == 1
        assert not list(out.glob("*"))
    (masks / "3.png").unlink()
    cases = {
        "was to hold one mask of the name 3; it holds 0": [run, str(image), "--masks", str(masks)],
        "There is no file nowhere.png": [run, "nowhere.png"],
        "have one name": [run, str(image), str(_copy(image, tmp_path / "3.png"))],
        "is no folder of a run": [str(tmp_path / "none"), str(image)],
        "was trained on pictures": [run, str(_copy(image, tmp_path / "v.nii"))],
        "cannot be read as an image": [run, str(place / "sdu.yaml")],
    }
    for said, words in cases.items():
        assert main(["segment", *words, "--out", str(out)]) == 2
        printed = capsys.readouterr().err
        assert said in printed and printed.count("\n") == 1


def _copy(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target


def test_every_image_of_a_split_is_measured(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, run = tmp_path / "out", place / "run"
    assert main(["evaluate-segmentation", str(run), "--out", str(out), "--batch", "4"]) == 0
    record = json.loads((out / "test.json").read_text(encoding="utf-8"))
    with (out / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == record["provenance"]["images"] == 6  # 15 % of 40
    dice = [float(row["dice"]) for row in rows]
    assert record["dice"]["mean"] == pytest.approx(np.mean(dice), abs=1e-6)
    assert record["dice"]["deviation_over_images"] == pytest.approx(np.std(dice), abs=1e-6)
    assert f"Dice {np.mean(dice):.1%} ± {np.std(dice):.1%}" in capsys.readouterr().out
    assert Image.open(out / "test.png").size[0] > 6 * 96
    # One image by hand: `segment` says the same of it, as it has the training images' size.
    number = int(rows[0]["name"])
    image, mask = image_and_mask(place, number)
    (tmp_path / f"{number}.png").write_bytes(mask.read_bytes())
    words = ["segment", str(run), str(image), "--masks", str(tmp_path), "--out", str(tmp_path / "one")]
    assert main(words) == 0
    assert f"Dice {dice[0]:.1%}" in capsys.readouterr().out


def test_other_data_do_not_take_the_place_of_what_was_measured(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    for number in range(20):
        save_pair(tmp_path / "others" / f"{number:03d}", number, rng)
    words = ["evaluate-segmentation", str(place / "run"), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    moved = [*words, "--set", f"data.folder={tmp_path / 'others'}"]
    assert main(moved) == 2
    assert "holds the figures of other images than these" in capsys.readouterr().err
    assert main([*words, "--set", "data.division.seed=3"]) == 2
    assert "only data.folder or data.file can be changed" in capsys.readouterr().err
    resumed = ["train-segmentation", str(place / "sdu.yaml"), "--out", str(place / "run"), "--resume"]
    assert main([*resumed, "--set", f"data.folder={tmp_path / 'others'}"]) == 2
    assert "was begun on other data" in capsys.readouterr().err


def test_images_that_were_trained_on_are_no_test_images(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an image comes or goes, the others are divided anew."""
    shutil.copytree(place / "nuclei", tmp_path / "nuclei")
    save_pair(tmp_path / "nuclei" / "more", 99, np.random.default_rng(2))
    words = ["evaluate-segmentation", str(place / "run"), "--out", str(tmp_path / "out")]
    assert main([*words, "--set", f"data.folder={tmp_path / 'nuclei'}"]) == 2
    printed = capsys.readouterr().err
    assert "were trained on or validated with" in printed and printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_results_do_not_take_the_place_of_somebodys_masks(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, mask = image_and_mask(place, 3)
    (tmp_path / "3.png").write_bytes(image.read_bytes())
    (tmp_path / "3_mask.png").write_bytes(mask.read_bytes())
    words = ["segment", str(place / "run"), str(tmp_path / "3.png"), "--out", str(tmp_path)]
    assert main(words) == 2
    assert "holds the images; name another folder" in capsys.readouterr().err
    words = ["segment", str(place / "run"), str(image), "--masks", str(tmp_path), "--out", str(tmp_path)]
    assert main(words) == 2
    assert "holds the right masks; name another folder" in capsys.readouterr().err
    assert (tmp_path / "3_mask.png").read_bytes() == mask.read_bytes()


def test_one_pixel_of_one_image_is_too_little_for_batch_norm(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train-segmentation", str(place / "sdu.yaml"), "--out", str(tmp_path / "run")]
    small = ["--set", "model.widths=[2, 2, 2, 2, 2]", "--set", "training.batch=1"]
    assert main([*words, *small]) == 2
    assert "of which batch norm needs two images at a time" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert main([*words, "--set", "data.division.seed=-1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_of_another_kind_is_said(place: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(place / "run")]) == 2
    assert "is of latentia train-segmentation; wanted is one of train." in capsys.readouterr().err
    assert main(["evaluate-segmentation", str(run)]) == 2
    assert "is of latentia train; wanted is one of train-segmentation." in capsys.readouterr().err


def test_an_empty_mask_is_said_and_not_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, _ = image_and_mask(place, 3)
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "3.png")
    words = ["segment", str(place / "run"), str(image), "--masks", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "Dice 0.0%, Jaccard 0.0%; its mask is empty." in capsys.readouterr().out


def test_a_training_is_not_begun_twice_and_goes_on_with_the_same_settings_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train-segmentation", str(place / "sdu.yaml"), "--out", str(place / "run")]
    assert main(words) == 2
    assert "holds a training already; go on with it by --resume" in capsys.readouterr().err
    assert main([*words, "--resume", "--set", "model.widths=[4, 4]"]) == 2
    assert "cannot go on with other settings: model.widths" in capsys.readouterr().err
    assert main(["train-segmentation", str(place / "sdu.yaml"), "--set", "model.kind=sdu_net"]) == 2
    assert "SDU-Net is kind u_net with model.sdn" in capsys.readouterr().err
    assert main(["train-segmentation", "mnist-sdn-vae"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_volume_gets_a_mask_that_lies_over_it(tmp_path: Path) -> None:
    folder = tmp_path / "lits"
    folder.mkdir()
    rng = np.random.default_rng(0)
    affine = np.diag([0.7, 0.7, 2.0, 1.0])
    for number in range(6):
        labels = np.zeros((20, 16, 5), np.uint8)
        labels[4:12, 3:10] = 1
        volume = (np.where(labels > 0, 120, -100) + rng.normal(0, 20, labels.shape)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(volume, affine), folder / f"volume-{number}.nii")
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / f"segmentation-{number}.nii")
    values = {
        "data": {"set": "livers", "folder": str(folder), "size": 16},
        "model": {"kind": "nested_u_net", "widths": [4, 8]},
        "training": {"steps": 40, "batch": 8, "evaluate_steps": 10, "learning_rate": 0.01, "accelerator": "cpu"},
    }
    (tmp_path / "livers.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert main(["train-segmentation", str(tmp_path / "livers.yaml"), "--out", str(tmp_path / "run")]) == 0
    assert main(["segment", str(tmp_path / "run"), str(folder / "volume-0.nii"), "--batch", "2"]) == 0
    mask = nibabel.load(tmp_path / "run" / "segmentation" / "volume-0_mask.nii.gz")
    assert np.allclose(mask.affine, affine)
    found, given = np.asarray(mask.dataobj) > 0, np.asarray(nibabel.load(folder / "segmentation-0.nii").dataobj) > 0
    assert 2 * (found & given).sum() / (found.sum() + given.sum()) > 0.8


@pytest.mark.parametrize("name", packaged(SEGMENTATION))
def test_packaged_configurations_are_read_and_make_the_network_of_their_name(name: str) -> None:
    """Table A.7: two layers without residual connections for nuclei, one with them for polyps and livers."""
    configuration = read_segmentation_configuration(name)
    data, _, network = name.partition("-")
    assert isinstance(configuration.model, NestedUNetConfig if network in ("nested-u-net", "sdnu-net") else UNetConfig)
    sdn = configuration.model.sdn
    assert (sdn is not None) == network.startswith("sd")
    if sdn is not None:
        assert (sdn.layers, sdn.residual) == ((2, False) if data == "nuclei" else (1, True))
        assert (sdn.features, sdn.directions, sdn.kernel_size) == (150, 2, 3)
    assert configuration.training.learning_rate == (1e-3 if data == "nuclei" else 1e-4)
