"""`latentia segment`: masks of images or volumes by a trained model, and the images with the masks over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latentia.command_line.options import argument, option
from latentia.command_line.screen import say
from latentia.commands.options import device_of, require_least
from latentia.errors import DataError
from latentia.folders import check_output_folder, make_folder

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from latentia.runs.segmentation import SegmentationRun

VOLUMES = (".nii", ".nii.gz")


@dataclass(frozen=True, kw_only=True)
class SegmentOptions:
    """Segmentation."""

    run: Path = argument("RUN", "the folder of a training by latentia train-segmentation")
    images: tuple[Path, ...] = argument("IMAGE", "pictures, or volumes in NIfTI files where the run is of volumes")
    masks: Path | None = option(
        None, "folder of the right masks, with the images' names: where they differ is shown and said", metavar="FOLDER"
    )
    windows: bool = option(
        False, "leave images as large as they are, and go over them by overlapping windows of the training images' size"
    )
    batch: int = option(16, "images or slices at a time", metavar="COUNT")
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to compute")
    out: Path | None = option(None, "folder for the results (default: segmentation in the run's)", metavar="FOLDER")

    def __post_init__(self) -> None:
        require_least(1, batch=self.batch)


def run(options: SegmentOptions) -> int:
    """Mark what a model looks for: a mask and an overlay for each image, a mask in a NIfTI file for each volume.

    Images are taken to the size of the training images and the masks back, unless --windows is given. In an overlay
    white is what was found; with --masks red is what was found and is not there, blue what was not found.
    """
    from latentia.runs.segmentation import load_segmentation_run

    folder = options.run / "segmentation" if options.out is None else options.out
    check_output_folder(folder)
    _check_names(options.images)
    _check_apart(folder, options)
    loaded = load_segmentation_run(options.run)
    loaded.model.to(device_of(options.device))
    make_folder(folder)
    for path in options.images:
        if path.name.endswith(VOLUMES):
            _segment_volume(loaded, path, options, folder)
        else:
            _segment_image(loaded, path, options, folder)
    say(f"The masks are in {folder}.")
    return 0


def stem(path: Path) -> str:
    """Give the name without what says the format, of which .nii.gz has two."""
    return path.name.removesuffix(".gz").removesuffix(".nii") if path.name.endswith(VOLUMES) else path.stem


def _check_names(images: tuple[Path, ...]) -> None:
    """Errors: DataError where two images would have one result, or an image is not there."""
    seen: dict[str, Path] = {}
    for path in images:
        if not path.is_file():
            raise DataError(f"There is no file {path}.")
        if (other := seen.setdefault(stem(path), path)) is not path:
            raise DataError(f"{other} and {path} have one name, so that one's mask would take the other's place.")


def _check_apart(folder: Path, options: SegmentOptions) -> None:
    """Errors: DataError where results could take the place of somebody's own masks."""
    places = {path.parent.resolve(): "the images" for path in options.images}
    if options.masks is not None:
        places[options.masks.resolve()] = "the right masks"
    if held := places.get(folder.resolve()):
        raise DataError(f"{folder} holds {held}; name another folder for the results with --out.")


def _segment_image(loaded: SegmentationRun, path: Path, options: SegmentOptions, folder: Path) -> None:
    import torch

    from latentia.data.pictures import read_mask, read_pixels
    from latentia.uses import write_png
    from latentia.uses.overlays import overlay
    from latentia.uses.segmentation import find_mask

    pixels = torch.from_numpy(read_pixels(path, "L" if loaded.model.channels == 1 else "RGB").copy())
    image = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
    given = None
    if options.masks is not None:
        file = _mask_of(path, options.masks)
        given = torch.from_numpy(read_mask(file, tuple(image.shape[1:])).copy())[None]
    size = None if options.windows else loaded.file.size
    found = find_mask(loaded.model, image[None], size=size, window=min(loaded.file.size), batch=options.batch)[0]
    coloured = overlay(image, found, given).permute(1, 2, 0).numpy()
    black_and_white = (found.expand(3, -1, -1).permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    write_png(black_and_white, folder / f"{path.stem}_mask.png")
    write_png(coloured, folder / f"{path.stem}_overlay.png")
    _say_what_was_found(path, found, given)


def _mask_of(image: Path, masks: Path) -> Path:
    """Find the mask of an image. Errors: DataError where there is none, or more than one."""
    found = [path for path in sorted(masks.glob("*")) if path.is_file() and path.stem == image.stem]
    if len(found) != 1:
        raise DataError(f"{masks} was to hold one mask of the name {image.stem}; it holds {len(found)}.")
    return found[0]


def _say_what_was_found(
    path: Path, found: Bool[Tensor, "1 height width"], given: Bool[Tensor, "1 height width"] | None
) -> None:
    from latentia.evaluation.segmentation import agreement

    told = f"{path.name}: {float(found.float().mean()):.1%} marked"
    if given is not None:
        both = agreement(found[None], given[None])
        told += f", Dice {float(both.dice[0]):.1%}, Jaccard {float(both.jaccard[0]):.1%}"
        told += "" if given.any() else "; its mask is empty"
    say(f"{told}.")


def _segment_volume(loaded: SegmentationRun, path: Path, options: SegmentOptions, folder: Path) -> None:
    from latentia.data.lits import LiverVolumes
    from latentia.uses.volumes import segment_volume

    data = loaded.configuration.data
    if not isinstance(data, LiverVolumes):
        raise DataError(f"{path} is a volume; the run in {loaded.path} was trained on pictures.")
    if options.masks is not None:
        raise DataError(f"{path} is a volume, which --masks is not for.")
    share = segment_volume(
        loaded.model,
        path,
        folder / f"{stem(path)}_mask.nii.gz",
        range_of_values=(data.darkest, data.brightest),
        size=None if options.windows else loaded.file.size,
        window=min(loaded.file.size),
        batch=options.batch,
    )
    say(f"{path.name}: {share:.1%} marked.")
