"""`latentia impute`, and what other commands do with multitask models and with fields."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from PIL import Image

from latentia import masks
from latentia.commands import known
from latentia.data import NpzFields, Split
from latentia.runs import load_run, read_configuration, train

from .conftest import Latentia, Snapshot

GAUSSIAN: dict[str, Any] = {
    "kind": "multitask_gaussian_vae",
    "widths": [4],
    "latent_size": 2,
    "decoders": "multi",
}
VQ: dict[str, Any] = {"kind": "vq_vae", "embeddings": 4, "embedding_size": 2, "widths": [4, 4], "decoders": "multi"}
BODY = np.zeros((8, 12), bool)
BODY[3:5, 2:4] = True


def trained_run(folder: Path, data: dict[str, Any], model: dict[str, Any], **training: Any) -> Path:
    values = {
        "data": {"validation": 4, "test": 8, **data},
        "model": model,
        "training": {
            "objective": "tasks",
            "steps": 4,
            "batch": 4,
            "evaluate_steps": 4,
            "accelerator": "cpu",
            **training,
        },
    }
    path = folder / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    train(read_configuration(str(path)), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def of_images(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    data = {"set": "image_folder", "folder": str(pictures)}
    return trained_run(tmp_path_factory.mktemp("images"), data, GAUSSIAN, masking={"share": 0.1})


@pytest.fixture(scope="module")
def of_codes(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    data = {"set": "image_folder", "folder": str(pictures)}
    return trained_run(tmp_path_factory.mktemp("codes"), data, VQ, masking={"places": "grid"})


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Waves of 8×12 that move on, in two channels, around a body."""
    path = tmp_path_factory.mktemp("flow") / "waves.npz"
    times = np.arange(20.0)[:, None, None] / 3 + np.linspace(0, 6, 12) + np.zeros((8, 1))
    np.savez(path, uv=np.stack([20 + 5 * np.sin(times), 0.1 * np.cos(times)], 1), body=BODY)
    return path


@pytest.fixture(scope="module")
def of_fields(tmp_path_factory: pytest.TempPathFactory, flow: Path) -> Path:
    data = {"set": "npz_fields", "file": str(flow), "fields": ["uv"], "solid": "body"}
    return trained_run(tmp_path_factory.mktemp("fields"), data, GAUSSIAN, masking={"number": 5, "duplicates": False})


@pytest.fixture
def sentence(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed as the reader sees it, however the terminal wraps it."""
    return lambda: " ".join(" ".join(capsys.readouterr()).split())


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as loaded:
        return {key: loaded[key] for key in loaded}


def test_images_are_imputed_as_a_picture_and_arrays_and_errors(
    latentia: Latentia, of_images: Path, sentence: Callable[[], str]
) -> None:
    assert latentia("impute", of_images, "--images", "3,1", "--samples", "4", "--out", "out") == 0
    said = sentence()
    assert "The picture is out/imputation.png; the arrays are in out/imputation.npz." in said
    assert "of 64 pixels on average." in said
    found = arrays(Path("out/imputation.npz"))
    images = load_run(of_images).images(Split.TEST).tensor(np.array([3, 1])).numpy() / 255
    assert found["originals"] == pytest.approx(images)
    assert found["from_pixels"].shape == (4, 2, 1, 8, 8)
    assert found["mean"] == pytest.approx(found["from_pixels"].mean(0), abs=1e-6)
    assert found["standard_deviation"] == pytest.approx(found["from_pixels"].std(0, ddof=1), abs=1e-6)
    assert found["completed"][found["mask"]] == pytest.approx(images[found["mask"]])
    error = ((found["from_both"] - images) ** 2).mean() * 1e4
    assert f"│ from z and known pixels │ {error:.4g} │" in said
    with Image.open("out/imputation.png") as opened:
        assert opened.mode == "RGB"


def test_an_image_is_masked_as_in_the_evaluation_whichever_others_there_are(
    latentia: Latentia, of_images: Path
) -> None:
    for out, places in (("one", "2"), ("all", "0,1,2,3,4,5,6,7")):
        assert latentia("impute", of_images, "--images", places, "--samples", "0", "--seed", "5", "--out", out) == 0
    one, everything = arrays(Path("one/imputation.npz")), arrays(Path("all/imputation.npz"))
    assert np.array_equal(one["mask"][0], everything["mask"][2])
    assert "mean" not in one
    assert latentia("evaluate", of_images, "--seed", "5", "--out", "all") == 0
    record = json.loads(Path("all/tasks-test.json").read_text(encoding="utf-8"))
    assert record["known_pixels"]["mean"] == everything["mask"].sum() / 8


@pytest.mark.parametrize(
    ("words", "known_pixels"),
    [
        (("--number", "7"), 7),
        (("--share", "0.25"), 16),
        (("--places", "gaussian", "--number", "9"), 9),
        (("--places", "lines", "--number", "9"), 16),
        (("--places", "grid"), 1),
        (("--sensors", "0,0;7,7;0,0"), 2),
    ],
)
def test_known_pixels_are_those_that_were_asked_for(
    words: tuple[str, ...], known_pixels: int, latentia: Latentia, of_images: Path
) -> None:
    assert latentia("impute", of_images, "--images", "0,1", "--samples", "1", "--out", "out", *words) == 0
    assert arrays(Path("out/imputation.npz"))["mask"].sum((1, 2, 3)).tolist() == [known_pixels] * 2


def test_a_mask_is_white_where_pixels_are_known(latentia: Latentia, of_images: Path) -> None:
    mask = np.zeros((8, 8), bool)
    mask[1, 2:5] = mask[6, 0] = True
    Image.fromarray(mask.astype(np.uint8) * 255).save("mask.png")
    np.savez("mask.npz", mask=mask)
    for name in ("mask.png", "mask.npz"):
        assert latentia("impute", of_images, "--samples", "1", "--mask", name, "--out", "out") == 0
        assert (arrays(Path("out/imputation.npz"))["mask"] == mask).all()
    # What a former imputation has written is a mask too.
    assert latentia("impute", of_images, "--samples", "1", "--mask", "out/imputation.npz", "--out", "again") == 0
    assert (arrays(Path("again/imputation.npz"))["mask"] == mask).all()


def test_of_one_s_own_image_the_known_pixels_alone_are_looked_at(
    latentia: Latentia, of_images: Path, sentence: Callable[[], str]
) -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:6] = True
    image = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(mask).save("mask.png")
    Image.fromarray(image).save("mine.png")
    Image.fromarray(np.where(mask, image, 255 - image)).save("other.png")
    np.savez("numbers.npz", values=np.where(mask, image / 255, np.nan))
    words = {"mine.png": ("--mask", "mask.png"), "other.png": ("--mask", "mask.png"), "numbers.npz": ()}
    found = []
    for name, more in words.items():
        assert latentia("impute", of_images, "--image", name, "--out", "out", *more) == 0
        found.append(arrays(Path(f"out/imputation-{Path(name).stem}.npz")))
        assert "squared error" not in sentence()
    for key in ("from_pixels", "mask", "completed"):
        assert np.array_equal(found[0][key], found[1][key]) and found[0][key] == pytest.approx(found[2][key])
    assert np.isnan(found[0]["from_latent"]).all() and np.isfinite(found[0]["completed"]).all()


def test_of_one_s_own_whole_image_pixels_are_drawn(
    latentia: Latentia, of_images: Path, sentence: Callable[[], str]
) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save("mine.png")
    assert latentia("impute", of_images, "--image", "mine.png", "--number", "6", "--out", "out") == 0
    said = sentence()
    assert "Known are 6 of 64 pixels." in said and "from known pixels, mean of 8" in said
    assert np.isfinite(arrays(Path("out/imputation-mine.npz"))["from_latent"]).all()


def test_fields_are_written_in_the_file_s_units(latentia: Latentia, of_fields: Path, flow: Path) -> None:
    assert latentia("impute", of_fields, "--images", "0,7", "--out", "out") == 0
    found = arrays(Path("out/imputation.npz"))
    fields = NpzFields(file=flow, fields=("uv",), solid="body", validation=4, test=8).load(Split.TEST)
    wanted = fields.physical(fields.tensor(np.array([0, 7]))).numpy()
    assert found["originals"] == pytest.approx(wanted, abs=1e-5)
    assert found["completed"][:, :1][found["mask"]] == pytest.approx(wanted[:, :1][found["mask"]], abs=1e-5)
    assert found["standard_deviation"] == pytest.approx(found["from_pixels"].std(0, ddof=1), rel=1e-3, abs=1e-5)
    assert found["mask"].sum((1, 2, 3)).tolist() == [5, 5]


def test_a_snapshot_of_one_s_own_is_in_the_file_s_units(latentia: Latentia, of_fields: Path, flow: Path) -> None:
    with np.load(flow) as loaded:
        snapshot = loaded["uv"][15]
    sparse = np.full_like(snapshot, np.nan)
    sparse[:, [0, 5, 7], [0, 6, 11]] = snapshot[:, [0, 5, 7], [0, 6, 11]]
    np.savez("mine.npz", values=sparse)
    np.savez("whole.npz", values=snapshot)
    assert latentia("impute", of_fields, "--image", "mine.npz", "--out", "out") == 0
    sensors = ("--sensors", "0,0;5,6;7,11")
    assert latentia("impute", of_fields, "--image", "whole.npz", *sensors, "--out", "out") == 0
    first, second = (arrays(Path(f"out/imputation-{name}.npz")) for name in ("mine", "whole"))
    assert np.array_equal(first["mask"], second["mask"]) and first["mask"].sum() == 3
    assert first["originals"] == pytest.approx(sparse[None], nan_ok=True, rel=1e-5)
    assert first["mean"] == pytest.approx(second["mean"])


def test_a_run_on_fields_draws_in_colours_and_can_be_explored(
    latentia: Latentia, of_fields: Path, flow: Path, tmp_path: Path
) -> None:
    pictures = sorted(path.name for path in (of_fields / "pictures").iterdir())
    assert pictures == ["reconstructions-00000004.png", "samples-00000004.png"]
    run = shutil.copytree(of_fields, tmp_path / "run")
    assert latentia("sample", run, "--count", "2") == 0
    assert latentia("interpolate", run, "--images", "0,1", "--layer", "1") == 0
    assert latentia("neighbourhood", run, "--kept-layers", "0") == 0
    assert latentia("reconstruct", run, "--images", "0,1") == 0
    assert latentia("evaluate", run, "--neighbours", "2") == 0
    samples = arrays(run / "samples" / "samples.npz")["images"]
    lowest, highest = (np.array(ends)[:, None, None] for ends in ([15, -0.1], [25, 0.1]))
    assert ((lowest - 0.2 <= samples) & (samples <= highest + 0.2)).all()
    with Image.open(run / "reconstructions" / "reconstructions.png") as opened:
        colours = {colour for _, colour in opened.getcolors(1 << 16)}
    assert any(blue > red + 30 for red, _, blue in colours) and any(red > blue + 30 for red, _, blue in colours)


def test_other_snapshots_to_train_on_would_be_another_scale(
    latentia: Latentia, of_fields: Path, flow: Path, sentence: Callable[[], str]
) -> None:
    moved = shutil.copy(flow, "moved.npz")
    assert latentia("impute", of_fields, "--set", f"data.file={moved}", "--out", "out") == 0
    with np.load(flow) as loaded:
        np.savez("other.npz", uv=2 * loaded["uv"], body=loaded["body"])
    sentence()
    assert latentia("impute", of_fields, "--set", "data.file=other.npz", "--out", "other") == 2
    assert f"other has other training snapshots than {of_fields} was trained on" in sentence()
    assert not Path("other").exists()


@pytest.mark.parametrize("name", ["of_images", "of_codes", "of_fields"])
def test_a_reconstruction_is_that_of_both_decoders(
    name: str, latentia: Latentia, request: pytest.FixtureRequest, sentence: Callable[[], str]
) -> None:
    run = request.getfixturevalue(name)
    assert latentia("reconstruct", run, "--images", "0,1", "--out", "out") == 0
    said = sentence()
    assert "from z and known pixels" in said and "mean of" not in said
    found = arrays(Path("out/reconstructions.npz"))
    assert set(found) == {"originals", "mask", "from_latent", "from_both"}
    assert len(found["mask"]) == 2


def test_an_evaluation_of_tasks_has_errors_and_costs_and_no_bits(
    latentia: Latentia, of_images: Path, of_codes: Path, of_fields: Path, sentence: Callable[[], str]
) -> None:
    for run, cost in ((of_images, "divergence_nats"), (of_codes, "vq_loss"), (of_fields, "divergence_nats")):
        assert latentia("evaluate", run, "--out", "out") == 0
        said = sentence()
        assert "bits" not in said
        record = json.loads(Path("out/tasks-test.json").read_text(encoding="utf-8"))
        for name, unit in (("unconditioned_error", 1e-4), ("conditioned_error", 1e-4)):
            assert f"│ {record[name]['mean'] / unit:.4g} │ {record[name]['standard_error'] / unit:.2g} │" in said
        assert record[cost]["mean"] > 0
        assert record["provenance"]["images"] == 8 and record["provenance"]["seed"] == 0
        assert record["masking"]["places"] in ("uniform", "grid")
        if run == of_codes:
            assert f"│ used codes │ {record['codebook']['used']} of 4 │ – │" in said
        Path("out/tasks-test.json").unlink()


def test_an_evaluation_of_tasks_is_that_of_the_validation_that_chose_the_model(
    latentia: Latentia, of_images: Path
) -> None:
    words = ("--split", "validation", "--batch", "4", "--out", "out")
    assert latentia("evaluate", of_images, *words) == 0
    record = json.loads(Path("out/tasks-validation.json").read_text(encoding="utf-8"))
    last = (of_images / "history.csv").read_text(encoding="utf-8").splitlines()
    figures = dict(zip(last[0].split(","), last[1].split(","), strict=True))
    assert record["conditioned_error"]["mean"] == pytest.approx(float(figures["conditioned_error"]), rel=1e-5)
    assert record["divergence_nats"]["mean"] == pytest.approx(float(figures["latent_cost"]), rel=1e-5)


def test_figures_of_tasks_on_other_images_are_not_replaced(
    latentia: Latentia, of_images: Path, sentence: Callable[[], str]
) -> None:
    assert latentia("evaluate", of_images, "--images", "1", "--out", "out") == 0
    assert "│ – │" in sentence()  # one image has no standard error
    path = Path("out/tasks-test-first-1.json")
    others = path.read_text(encoding="utf-8").replace('"sha256": "', '"sha256": "0')
    path.write_text(others, encoding="utf-8")
    assert latentia("evaluate", of_images, "--images", "1", "--out", "out") == 2
    assert "out/tasks-test-first-1.json holds the figures of other images than these" in sentence()
    assert path.read_text(encoding="utf-8") == others


def some_files() -> None:
    """Files that do not fit the runs of 8×8 grey images."""
    Image.fromarray(np.zeros((9, 8), np.uint8)).save("large.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("black.png")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save("colour.png")
    Path("no.png").write_text("no image", encoding="utf-8")
    np.savez("bright.npz", values=np.full((8, 8), 200.0))
    np.savez("levels.npz", values=np.full((8, 8), 256))
    np.savez("flat.npz", values=np.zeros(64), mask=np.zeros(64))
    np.savez("three.npz", mask=np.ones((3, 1, 8, 8)))
    np.savez("nothing.npz", values=np.full((8, 8), np.nan))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--image", "large.png"), "large.png has 1×9×8 (channels, height, width); the model is for 1×8×8."),
        (("--image", "colour.png"), "colour.png has 3×8×8 (channels, height, width); the model is for 1×8×8."),
        (("--image", "no.png"), "no.png cannot be read as an image"),
        (("--image", "nowhere.png"), "nowhere.png cannot be read as an image"),
        (("--image", "nowhere.npz"), "There is no file nowhere.npz, which should hold 'values'."),
        (("--image", "bright.npz"), "Images as floats are shares of white, 0 to 1; these have 200 to 200."),
        (("--image", "levels.npz"), "'values' in levels.npz was to hold 0 to 255; it holds 256 to 256."),
        (("--image", "flat.npz"), "(channels, height, width); it holds float64 with 1 axis."),
        (("--image", "nothing.npz"), "No pixel given: the mask knows none;"),
        (
            ("--image", "nothing.npz", "--number", "3"),
            "Image 0 has NaN or infinite values at pixels that are known.",
        ),
        (("--mask", "large.png"), "The mask has 9×8 pixels (height, width); the images have 8×8."),
        (("--mask", "large.png", "--image", "black.png"), "The mask has 9×8 pixels (height, width); the images"),
        (("--mask", "black.png"), "No pixel given: the mask knows none;"),
        (("--mask", "nowhere.png"), "nowhere.png cannot be read as an image"),
        (("--mask", "flat.npz"), "'mask' in flat.npz was to hold booleans, (height, width); it holds float64"),
        (("--mask", "bright.npz"), "bright.npz has no array 'mask'; it has values."),
        (("--mask", "three.npz"), "There are 3 masks for 8 images; wanted one for all, or one for each."),
        (("--sensors", "8,0"), "The image has rows 0 to 7 and columns 0 to 7, no 8,0."),
        (("--sensors", "1,2,3"), "--sensors: '1,2,3' is not rows and columns such as 3,4;10,20;"),
        (("--number", "65"), "Mask larger than the image: 65 known pixels of 64."),
        (("--number", "0"), "No pixel given: the number of known pixels is at least 1, not 0."),
        (("--share", "0.01"), "No pixel given: a share of 0.01 of 64 pixels is less than one."),
        (("--share", "2"), "The share of known pixels is above 0 and at most 1, not 2.0."),
        (("--share", "0.5", "--number", "3"), "either a --share of all or a --number of them, not both."),
        (("--places", "uniform"), "--places uniform needs a --share or a --number."),
        (("--places", "grid", "--number", "3"), "A grid has its own number of pixels and takes no number."),
        (
            ("--places", "circle", "--number", "3"),
            "--places: 'circle' is not grid or uniform or gaussian or stratified",
        ),
        (("--number", "3", "--mask", "black.png"), "or those of a --mask; given: --number and --mask."),
        (("--sensors", "0,0", "--mask", "black.png"), "or those of a --mask; given: --sensors and --mask."),
        (("--images", "8"), "8 images in its split 'test', counted from 0; there is no image 8."),
        (("--samples", "-1"), "--samples must be 0 or more, not -1."),
        (("--temperature", "7"), "--temperature is 0 to 2, not 7."),
    ],
)
def test_what_cannot_be_imputed_is_one_sentence(
    words: tuple[str, ...], said: str, latentia: Latentia, of_images: Path, everything: Snapshot,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    some_files()
    before = everything()
    assert latentia("impute", of_images, "--out", "out", *words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("latentia: ") and printed.err.count("\n") == 1 and said in printed.err
    assert printed.out == ""
    assert everything() == before


def test_models_that_take_no_known_pixels_are_named(
    latentia: Latentia, trained: Path, of_codes: Path, sentence: Callable[[], str]
) -> None:
    assert latentia("impute", trained, "--out", "out") == 2
    assert f"The model of {trained} takes no known pixels; a multitask_gaussian_vae or vq_vae with" in sentence()
    assert latentia("impute", of_codes, "--out", "out") == 2
    assert "no prior to draw codes from yet: `latentia prior` learns one." in sentence()
    assert latentia("impute", of_codes, "--samples", "0", "--out", "out") == 0


def test_a_plain_multitask_model_reconstructs_and_imputes_nothing(
    latentia: Latentia, flow: Path, tmp_path: Path, sentence: Callable[[], str]
) -> None:
    data = {"set": "npz_fields", "file": str(flow), "fields": ["uv"]}
    run = trained_run(tmp_path, data, {**GAUSSIAN, "decoders": "plain"})
    assert latentia("reconstruct", run, "--images", "0,1", "--out", "out") == 0
    found = arrays(Path("out/reconstructions.npz"))
    with np.load(flow) as loaded:
        assert found["originals"] == pytest.approx(loaded["uv"][12:14], rel=0.01, abs=0.01)
    assert latentia("evaluate", run, "--out", "out") == 0
    record = json.loads(Path("out/tasks-test.json").read_text(encoding="utf-8"))
    assert record["conditioned_error"] is None and record["known_pixels"] is None
    sentence()
    assert latentia("impute", run, "--out", "out") == 2
    assert "takes no known pixels" in sentence()


def test_a_training_on_fields_says_what_it_trains_on(
    latentia: Latentia, of_fields: Path, sentence: Callable[[], str]
) -> None:
    assert latentia("train", of_fields / "config.yaml", "--out", "again") == 0
    assert "waves: 8 training and 4 validation snapshots of 2×8×12." in sentence()


def test_a_fold_of_fields_can_be_held_out(
    latentia: Latentia, of_fields: Path, flow: Path, sentence: Callable[[], str]
) -> None:
    fold = ("--set", "fold={number: 2, of: 3}")
    assert latentia("train", of_fields / "config.yaml", "--out", "again", *fold) == 0
    assert "waves: 8 training and 4 validation snapshots of 2×8×12." in sentence()
    assert latentia("impute", "again", "--split", "validation", "--images", "0,3") == 0
    with np.load(flow) as loaded:
        wanted = loaded["uv"][[4, 7]][..., ~BODY]
    found = arrays(Path("again/imputation/imputation.npz"))["originals"][..., ~BODY]
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            ("model={kind: gaussian_vae}", "training={steps: 3}"),
            "data.set npz_fields holds real numbers, which are for",
        ),
        (("transforms.binarise=true",), "transforms.binarise is for images; data.set npz_fields holds real numbers."),
        (("data.fields=[w]",), "waves.npz has no array 'w'; it has uv, body."),
    ],
)
def test_what_is_not_for_fields_is_one_sentence(
    changes: tuple[str, ...], said: str, latentia: Latentia, of_fields: Path, sentence: Callable[[], str]
) -> None:
    words = [word for change in changes for word in ("--set", change)]
    assert latentia("train", of_fields / "config.yaml", "--out", "again", *words) == 2
    assert said in sentence()
    assert not Path("again").exists()


def test_places_that_can_be_named_are_those_of_the_masks() -> None:
    assert get_args(known.PlaceName) == get_args(masks.PlaceName)


def test_a_mask_of_nothing_is_for_single_decoders(latentia: Latentia, pictures: Path, tmp_path: Path) -> None:
    data = {"set": "image_folder", "folder": str(pictures)}
    model = {**GAUSSIAN, "decoders": "single"}
    run = trained_run(tmp_path, data, model, masking={"exponent": 40.0})
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("black.png")
    assert latentia("impute", run, "--mask", "black.png", "--out", "out") == 0
    found = arrays(Path("out/imputation.npz"))
    assert not found["mask"].any() and not math.isnan(found["mean"].sum())


def test_a_run_whose_own_masks_are_empty_at_times_is_imputed_with_them(
    latentia: Latentia, pictures: Path, tmp_path: Path
) -> None:
    data = {"set": "image_folder", "folder": str(pictures), "test": 3}
    run = trained_run(tmp_path, data, GAUSSIAN, masking={"exponent": 1e9})
    for command, results in (("impute", "imputation"), ("reconstruct", "reconstructions")):
        assert latentia(command, run, "--out", "out") == 0  # of three images, where eight are usual
        found = arrays(Path(f"out/{results}.npz"))
        assert len(found["mask"]) == 3 and not found["mask"].any()
