"""What is made of a trained run: figures, pictures and arrays, the same each time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data import Split
from latentia.runs import load_run

from .conftest import Latentia

USES: dict[str, tuple[tuple[str, ...], str, dict[str, tuple[int, ...]]]] = {
    "sample": (("--count", "3"), "samples/samples", {"images": (3, 3, 1, 8, 8), "temperatures": (3,)}),
    "reconstruct": (("--images", "0,7"), "reconstructions/reconstructions", {"images": (2, 1, 8, 8)}),
    "interpolate": (
        ("--images", "0,1,2,3", "--layer", "2", "--frames", "4"),
        "interpolation/interpolation-layer-2",
        {"frames": (2, 4, 1, 8, 8), "shares": (4,)},
    ),
    "neighbourhood": (
        ("--image", "5", "--temperatures", "0.5,1"),
        "neighbourhood/neighbourhood-5",
        {"samples": (1, 2, 2, 8, 1, 8, 8), "kept_layers": (2,)},
    ),
}


@pytest.mark.parametrize("command", USES)
def test_a_use_writes_a_picture_and_its_arrays_and_says_where(
    command: str, latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, name, shapes = USES[command]
    assert latentia(command, run, *words) == 0
    picture, arrays = run / f"{name}.png", run / f"{name}.npz"
    assert f"The picture is {picture}; the arrays are in {arrays}." in capsys.readouterr().out
    with Image.open(picture) as opened:
        assert opened.mode == "RGB"
    with np.load(arrays) as loaded:
        assert {key: loaded[key].shape for key in shapes} == shapes
        first = {key: loaded[key] for key in loaded}
    assert latentia(command, run, *words, "--out", "elsewhere") == 0
    with np.load(Path("elsewhere") / f"{Path(name).name}.npz") as loaded:
        assert all(np.array_equal(loaded[key], first[key]) for key in first)


def test_a_reconstruction_is_of_the_images_that_were_named(latentia: Latentia, run: Path) -> None:
    assert latentia("reconstruct", run, "--split", "validation", "--images", "3,1") == 0
    images = load_run(run).images(Split.VALIDATION).images
    with np.load(run / "reconstructions" / "reconstructions.npz") as loaded:
        assert np.array_equal(loaded["originals"], images[[3, 1]])


def test_an_evaluation_has_figures_with_their_provenance_and_usage_of_the_layers(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", run, "--importance-samples", "20", "--batch", "10", "--neighbours", "2") == 0
    printed = capsys.readouterr().out
    assert "squares, 8 test images of 1×8×8 with 8 bits" in printed
    assert "−log p(x), 20 importance samples" in printed
    record = json.loads((run / "evaluation" / "test-k20.json").read_text(encoding="utf-8"))
    bound, weighted = record["negative_elbo"], record["importance_weighted"]
    assert f"{bound['bits_per_dimension']:.4f}" in printed and f"{weighted['bits_per_dimension']:.4f}" in printed
    test = load_run(run).images(Split.TEST)
    assert bound["provenance"]["sha256"] == test.sha256 and bound["provenance"]["images"] == 8
    assert weighted["provenance"]["importance_samples"] == 20 and weighted["provenance"]["weights"] == "average"
    assert record["batch"] == 10 and record["draws_for_the_bound"] == 1
    assert [layer["units"] for layer in record["layers"]] == [2 * 4 * 4, 2 * 8 * 8]
    shares = sum(layer["divergence_bits_per_dimension"] for layer in record["layers"])
    assert 0 < shares < bound["bits_per_dimension"]
    with np.load(run / "evaluation" / "neighbours.npz") as loaded:
        assert loaded["neighbours"].shape == (8, 2, 1, 8, 8)
    assert sorted(path.name for path in (run / "evaluation").iterdir()) == [
        "neighbours.npz",
        "neighbours.png",
        "test-k20.json",
    ]


def test_an_evaluation_of_some_images_says_so(latentia: Latentia, run: Path) -> None:
    assert latentia("evaluate", run, "--images", "3", "--importance-samples", "0", "--out", "few") == 0
    record = json.loads(Path("few/test-first-3-k0.json").read_text(encoding="utf-8"))
    assert record["negative_elbo"]["provenance"]["images"] == 3 and "importance_weighted" not in record


def test_a_quick_evaluation_does_not_replace_one_of_all_images(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", run, "--importance-samples", "4") == 0
    before = (run / "evaluation" / "test-k4.json").read_bytes()
    assert latentia("evaluate", run, "--importance-samples", "0", "--images", "1") == 0
    printed = capsys.readouterr().out
    assert "the first 1 test images" in printed
    assert "nan" not in printed  # one image has no standard error
    assert (run / "evaluation" / "test-k4.json").read_bytes() == before


def test_figures_of_other_images_are_not_replaced(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", run, "--importance-samples", "0", "--out", "figures") == 0
    assert latentia("evaluate", run, "--importance-samples", "0", "--out", "figures") == 0
    shutil.copytree(load_run(run).configuration.data.folder, "others")
    last = sorted(Path("others").rglob("*.png"))[-1]
    Image.new("L", Image.open(last).size).save(last)
    others = ("--set", "data.folder=others")
    assert latentia("evaluate", run, "--importance-samples", "0", "--out", "figures", *others) == 2
    assert "figures/test-k0.json holds the figures of other images than these" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_folder_in_the_place_of_a_picture_is_named(
    latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there/samples.png").mkdir(parents=True)
    assert latentia("sample", run, "--out", "there") == 2
    assert "there/samples.png cannot be written: a folder has that name" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("change", ["data.test=4", "data.validation=2", "data.shuffle=1"])
def test_a_trained_run_is_not_measured_on_images_that_it_was_trained_on(
    change: str, latentia: Latentia, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert latentia("evaluate", run, "--importance-samples", "0", "--set", change) == 2
    told = f"{change} would move images between those that {run} was trained on and those that measure it."
    assert told in " ".join(capsys.readouterr().err.split())
    shutil.copytree(load_run(run).configuration.data.folder, "others")
    words = ("--out", "figures", "--set", "data.folder=others", "--set", change)
    assert latentia("evaluate", run, "--importance-samples", "0", *words) == 0
