from __future__ import annotations

import pickle
import tarfile
from hashlib import md5, sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentia.data import imagenet32
from latentia.data.imagenet32 import ImageNet32
from latentia.data.images import Split
from latentia.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
TEST = IMAGES[::-1][:3]


def save_png(folder: Path) -> Path:
    for part, images in (("train_32x32", IMAGES), ("valid_32x32", TEST)):
        (folder / part).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(np.moveaxis(image, 0, -1)).save(folder / part / f"{number:07}.png")
    return folder


def save_batches(folder: Path, *, npz: bool) -> Path:
    """Ten training batches of two images each, and one of the others, labels from 1, as published."""
    parts = {f"train_data_batch_{number + 1}": IMAGES[2 * number :][:2] for number in range(10)} | {"val_data": TEST}
    for name, images in parts.items():
        batch = {"data": images.reshape(-1, 3072), "labels": list(range(1, len(images) + 1))}
        inner = folder / f"Imagenet32_{name.split('_')[0]}{'_npz' if npz else ''}"
        inner.mkdir(parents=True, exist_ok=True)
        if npz:
            np.savez(inner / f"{name}.npz", **batch)
        else:
            (inner / name).write_bytes(pickle.dumps(batch, protocol=3))
    return folder


@pytest.fixture(params=["archive", "pictures", "npz", "pickles"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same images in each of the published forms, taken for the published files."""
    made = tmp_path / "imagenet"
    match request.param:
        case "archive":
            save_png(tmp_path / "unpacked")
            made.mkdir()
            for part in ("train_32x32", "valid_32x32"):
                with tarfile.open(made / f"{part}.tar", "w") as archive:
                    for path in sorted((tmp_path / "unpacked" / part).iterdir(), reverse=True):
                        archive.add(path, f"{part}/{path.name}")
        case "pictures":
            save_png(made)
        case kind:
            save_batches(made, npz=kind == "npz")
    known = {path.name: f"md5:{md5(path.read_bytes()).hexdigest()}" for path in made.rglob("*.npz")}
    known |= {path.name: f"sha256:{sha256(path.read_bytes()).hexdigest()}" for path in made.rglob("*.tar")}
    monkeypatch.setattr(imagenet32, "CHECKSUMS", known)
    return made


def test_every_form_gives_the_same_images_in_the_same_order(folder: Path) -> None:
    source = ImageNet32(folder=folder, validation=4)
    train, held_out, test = map(source.load, Split)
    assert np.array_equal(train.images, IMAGES[:16])
    assert np.array_equal(held_out.images, IMAGES[16:])
    assert np.array_equal(test.images, TEST)


def test_images_are_mapped_from_a_prepared_file_with_fewer_bits(folder: Path) -> None:
    reduced = ImageNet32(folder=folder, bits=5).load(Split.TEST)
    assert isinstance(reduced.images.base, np.memmap)
    assert np.array_equal(reduced.images, TEST >> 3)


def test_the_variants_have_different_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = ImageNet32(folder=save_png(tmp_path / "a")).load(Split.TEST)
    batches = ImageNet32(folder=save_batches(tmp_path / "b", npz=False)).load(Split.TEST)
    assert pictures.name == "ImageNet32 (van den Oord et al. 2016)"
    assert batches.name == "ImageNet32 (Chrabaszcz et al. 2017)"


def test_both_variants_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = save_batches(save_png(tmp_path / "both"), npz=False)
    with pytest.raises(DataError, match="both variants of ImageNet32, which are not comparable"):
        ImageNet32(folder=folder).load(Split.TEST)


def test_files_that_are_not_the_published_ones_are_refused_and_prepare_nothing(tmp_path: Path, cache: Path) -> None:
    folder = save_batches(tmp_path / "c", npz=True)
    with pytest.raises(DataError, match=r"train_data_batch_1.npz is not the published file.* not 464fde20de6eb44c"):
        ImageNet32(folder=folder).load(Split.TRAIN)
    assert list((cache / "prepared").iterdir()) == []


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    folder = save_batches(tmp_path / "c", npz=False)
    (folder / "Imagenet32_train" / "train_data_batch_7").unlink()
    with pytest.raises(DataError, match=r"was to hold each batch .* once; it holds 'train_data_batch_7' 0 times"):
        ImageNet32(folder=folder).load(Split.TRAIN)


def test_an_empty_folder_is_told_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"wanted valid_32x32.tar \(van den Oord\) or val_data.npz \(Chrabaszcz\)"):
        ImageNet32(folder=tmp_path).load(Split.TEST)


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    folder = save_png(tmp_path / "a")
    Image.new("RGB", (64, 64)).save(folder / "valid_32x32" / "big.png")
    with pytest.raises(DataError, match=r"big.png has 3×64×64 .* ImageNet32 3×32×32"):
        ImageNet32(folder=folder).load(Split.TEST)
