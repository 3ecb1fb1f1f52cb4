"""Images with masks: sets of them, and splits in which no group, such as a patient, is in two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Integer, UInt8
from numpy.typing import NDArray
from torch import Tensor

from latentia.data.archives import sizes
from latentia.data.images import Images, Split
from latentia.errors import DataError, SettingError
from latentia.randomness import stream

Masks = Bool[np.ndarray, "masks 1 rows columns"]
Places = Integer[np.ndarray, " count"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentationSet:
    """Images of bytes with a mask each, of one size. `groups` says what belongs together: a patient, a sequence.

    Errors: DataError where there are no images, or masks, names and groups are not as many or of another size.
    """

    images: Images
    masks: Masks
    names: tuple[str, ...]
    groups: tuple[str, ...]
    name: str
    split: Split | None = None
    """None before the images are divided."""

    def __post_init__(self) -> None:
        if len(self.images) == 0:
            where = "" if self.split is None else f" in its split '{self.split}'"
            raise DataError(f"{self.name} has no images{where}.")
        if self.masks.shape != (len(self.images), 1, *self.images.shape[2:]):
            raise DataError(
                f"{self.name} has images of {sizes(self.images.shape)} and masks of {sizes(self.masks.shape)}."
            )
        if {len(self.names), len(self.groups)} != {len(self.images)}:
            raise DataError(
                f"{self.name} has {len(self.images)} images, {len(self.names)} names and {len(self.groups)} groups."
            )

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the content: sizes, images and masks."""
        digest = hashlib.sha256(sizes(self.images.shape).encode())
        for array in (self.images, self.masks):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """The beginning of a checksum of each image and its group, by which it is known again.

        Of both, because two patients may have the same black slice.
        """
        return tuple(
            hashlib.sha256(group.encode() + image.tobytes()).hexdigest()[:16]
            for group, image in zip(self.groups, self.images, strict=True)
        )

    @property
    def empty(self) -> tuple[str, ...]:
        """Names of the images whose mask is empty: they are kept, and whoever trains on them should be told."""
        return tuple(name for name, mask in zip(self.names, self.masks, strict=True) if not mask.any())

    def pairs(
        self, places: slice | Places
    ) -> tuple[UInt8[Tensor, "batch channels height width"], Bool[Tensor, "batch 1 height width"]]:
        """Copy some images and their masks into tensors."""
        return torch.from_numpy(np.array(self.images[places])), torch.from_numpy(np.array(self.masks[places]))

    def at(self, places: Places, split: Split | None) -> SegmentationSet:
        """Take the images of some places. Errors: DataError where there are none."""
        names, groups = (tuple(words[place] for place in places) for words in (self.names, self.groups))
        return replace(
            self, images=self.images[places], masks=self.masks[places], names=names, groups=groups, split=split
        )


@dataclass(frozen=True, kw_only=True)
class GroupSplit:
    """How images are divided: whole groups, in an order that the seed decides, until each part has its share.

    Errors: SettingError where shares make no sense.
    """

    validation: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or not self.validation + self.test < 1:
            raise SettingError(
                "The shares for validation and test must be 0 or more, and together below 1; they are "
                f"{self.validation} and {self.test}."
            )
        if self.seed < 0:
            raise SettingError(f"The seed of the division must be 0 or more, not {self.seed}.")

    def places(self, groups: Sequence[str], name: str) -> Mapping[Split, Places]:
        """Give the places of each part, in their order. The shares are of groups, rounded, at least one where asked.

        Errors: DataError where there are too few groups.
        """
        names = sorted(set(groups))
        counts = [max(1, round(share * len(names))) if share > 0 else 0 for share in (self.validation, self.test)]
        if len(names) <= sum(counts):
            raise DataError(
                f"{name} has {len(names)} groups; {counts[0]} for validation and {counts[1]} for the test leave none "
                "to train on."
            )
        order = np.random.default_rng(stream(self.seed)).permutation(len(names))
        parts = np.split(order, np.cumsum(counts))
        owner = {
            names[place]: split
            for split, part in zip((Split.VALIDATION, Split.TEST, Split.TRAIN), parts, strict=True)
            for place in part
        }
        return {split: np.array([at for at, one in enumerate(groups) if owner[one] is split], int) for split in Split}

    def take(self, whole: SegmentationSet, split: Split) -> SegmentationSet:
        """Take one part. Errors: DataError where it is empty."""
        return whole.at(self.places(whole.groups, whole.name)[split], split)


USUAL_DIVISION = GroupSplit()


def check_apart(sets: Iterable[SegmentationSet], group: str = "group") -> None:
    """Make sure that no group is in two sets; `group` is what it is called, such as "patient".

    Errors: DataError that names the first one which is.
    """
    seen: dict[str, SegmentationSet] = {}
    for one in sets:
        for name in dict.fromkeys(one.groups):
            other = seen.setdefault(name, one)
            if other is not one:
                raise DataError(
                    f"The {group} {name} is in two parts of {one.name}, {other.split} and {one.split}; images of one "
                    f"{group} are alike, so that the result would be too good."
                )


def check_mask(values: NDArray[np.generic], name: str) -> NDArray[np.bool_]:
    """Give a mask as booleans: what is 0 does not belong to the mask, and what has the other value does.

    Errors: DataError where there are more than two values, or two of which none is 0.
    """
    found = np.unique(values)
    if len(found) > 2:
        shown = ", ".join(map(str, found[:5])) + (", …" if len(found) > 5 else "")
        raise DataError(f"The mask {name} was to hold two values, as 0 and 255; it holds {len(found)}: {shown}.")
    if len(found) == 2 and found[0] != 0:
        raise DataError(f"The mask {name} was to be 0 where nothing is; its values are {found[0]} and {found[1]}.")
    marked: NDArray[np.bool_] = values != 0
    return marked


def check_same_size(image: tuple[int, ...], mask: tuple[int, ...], name: str) -> None:
    """Errors: DataError where an image and its mask, (height, width), differ in size."""
    if image != mask:
        raise DataError(f"The image {name} is {sizes(image)} (height, width) and its mask {sizes(mask)}.")
