from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentia.data import FieldSet, NpzFields, Split, pixels_of
from latentia.errors import DataError, SettingError

GENERATOR = np.random.default_rng(0)
U = GENERATOR.normal(5, 2, (10, 4, 6))
V = GENERATOR.normal(-300, 50, (10, 4, 6))
BODY = np.zeros((4, 6), bool)
BODY[1:3, 2:4] = True


def with_changes(array: np.ndarray, places: Any, value: Any) -> np.ndarray:
    changed = array.copy()
    changed[places] = value
    return changed


ARRAYS: Mapping[str, np.ndarray] = {
    "u": U,
    "v": V.astype(np.float32),
    "uv": np.stack([U, V], axis=1),
    "uv_last": np.stack([U, V], axis=-1),
    "body": BODY,
    "counts": GENERATOR.integers(-3, 9, (10, 4, 6)),
    "shorter": U[:9],
    "narrower": U[:, :, :5],
    "none": U[:0],
    "still": np.full((10, 4, 6), 7.5),
    "growing": np.arange(10.0)[:, None, None] + np.zeros((4, 6)),
    "broken": with_changes(V, ([2, 5, 5], 0, [0, 1, 2]), [np.nan, np.inf, -np.inf]),
    "hollow": with_changes(V, np.s_[:, BODY], np.nan),
    "filled": with_changes(U, np.s_[:, BODY], 1e30),
    "yes_or_no": U > 5,
    "waves": U + 1j * V,
    "objects": np.array([None, 1]),
    "all_body": np.ones((4, 6), bool),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fields") / "flow.npz"
    np.savez(path, **ARRAYS)
    return path


def units(fields: FieldSet) -> np.ndarray:
    return fields.physical(fields.tensor(slice(None)).double()).numpy()


@pytest.mark.parametrize(
    "named", [{"fields": ("u", "v")}, {"fields": ("uv",)}, {"fields": ("uv_last",), "channels_last": True}]
)
def test_channels_come_from_several_arrays_or_one(file: Path, named: dict[str, Any]) -> None:
    fields = NpzFields(file=file, **named).load(Split.TRAIN)
    assert fields.format.shape == (2, 4, 6)
    assert units(fields) == pytest.approx(np.stack([U, V], axis=1), abs=1e-4)


def test_arrays_of_several_channels_and_of_one_follow_each_other(file: Path) -> None:
    fields = NpzFields(file=file, fields=("counts", "uv")).load(Split.TRAIN)
    assert units(fields)[:, 0] == pytest.approx(ARRAYS["counts"], abs=1e-5)
    assert units(fields)[:, 2] == pytest.approx(V, abs=1e-4)


def test_each_channel_of_the_training_part_spans_0_to_1(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u", "v"), test=3).load(Split.TRAIN)
    assert fields.values.dtype == np.float32
    assert fields.values.min((0, 2, 3)).tolist() == [0, 0]
    assert fields.values.max((0, 2, 3)).tolist() == [1, 1]
    assert fields.lowest == pytest.approx([U[:7].min(), V[:7].min()])
    assert fields.highest == pytest.approx([U[:7].max(), V[:7].max()])


def test_the_scale_knows_nothing_of_other_parts_and_clips_nothing(file: Path) -> None:
    source = NpzFields(file=file, fields=("growing",), validation=2, test=3)
    parts = {split: source.load(split) for split in Split}
    assert {(part.lowest[0], part.highest[0]) for part in parts.values()} == {(0, 4)}
    assert parts[Split.VALIDATION].values[:, 0, 0, 0].tolist() == [1.25, 1.5]
    assert parts[Split.TEST].values[:, 0, 0, 0].tolist() == [1.75, 2, 2.25]


def test_a_shuffle_is_repeatable_and_its_parts_make_up_the_whole(file: Path) -> None:
    source = NpzFields(file=file, fields=("growing",), validation=2, test=3, shuffle=1)
    numbers = [units(source.load(split))[:, 0, 0, 0] for split in Split]
    assert [len(part) for part in numbers] == [5, 2, 3]
    assert np.sort(np.concatenate(numbers)) == pytest.approx(np.arange(10), abs=1e-6)
    assert np.concatenate(numbers) != pytest.approx(np.arange(10), abs=0.5)
    assert units(source.load(Split.TEST))[:, 0, 0, 0].tolist() == numbers[2].tolist()


def test_a_constant_channel_is_0_and_comes_back(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u", "still")).load(Split.TRAIN)
    assert not fields.values[:, 1].any()
    assert (units(fields)[:, 1] == 7.5).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_units_keep_type_and_shape(file: Path, dtype: torch.dtype) -> None:
    fields = NpzFields(file=file, fields=("u", "v")).load(Split.TRAIN)
    draws = torch.tensor([0.0, 1.0], dtype=dtype)[:, None, None, None, None].expand(2, 3, 2, 4, 6)
    physical = fields.physical(draws)
    assert physical.dtype == dtype
    assert physical.shape == draws.shape
    assert physical[:, 2, :, 3, 5].numpy() == pytest.approx(np.stack([fields.lowest, fields.highest]), rel=1e-6)


@pytest.mark.parametrize("key", ["hollow", "filled"])
def test_what_stands_within_a_solid_has_no_part_in_the_scale(file: Path, key: str) -> None:
    fields = NpzFields(file=file, fields=(key,), solid="body").load(Split.TRAIN)
    assert fields.solid is not None
    assert np.array_equal(fields.solid, BODY)
    fluid = ARRAYS[key][:, ~BODY]
    assert (fields.lowest, fields.highest) == (fluid.min(), fluid.max())
    assert units(fields)[:, 0, ~BODY] == pytest.approx(fluid, abs=1e-4)


@pytest.mark.parametrize(("shift", "inside"), [(0.0, 0.0), (1000.0, "lowest"), (-1000.0, "highest")])
def test_a_solid_is_at_rest_or_at_the_nearest_bound(tmp_path: Path, shift: float, inside: float | str) -> None:
    np.savez(tmp_path / "a.npz", u=U - 5 + shift, body=BODY)
    fields = NpzFields(file=tmp_path / "a.npz", fields=("u",), solid="body").load(Split.TRAIN)
    wanted = getattr(fields, inside)[0] if isinstance(inside, str) else inside
    assert units(fields)[:, 0, BODY] == pytest.approx(np.full((10, 4), wanted), abs=1e-6)


def test_scaling_and_units_undo_each_other(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u", "v")).load(Split.TRAIN)
    physical = torch.from_numpy(ARRAYS["uv"])
    assert fields.scaled(physical).numpy() == pytest.approx(fields.values, abs=1e-6)
    assert fields.physical(fields.scaled(physical)).numpy() == pytest.approx(physical.numpy())


def test_as_images_snapshots_have_256_levels_and_are_cut_off_outside_the_scale(file: Path) -> None:
    fields = replace(
        NpzFields(file=file, fields=("u",)).load(Split.TRAIN).first(1),
        values=np.linspace(-0.5, 1.5, 24, dtype=np.float32).reshape(1, 1, 4, 6),
    )
    wanted = np.clip(fields.values, 0, 1) * 255
    assert fields.pixels(slice(None)).dtype == torch.uint8
    assert fields.pixels(np.array([0])).numpy() == pytest.approx(wanted, abs=0.5001)
    assert torch.equal(pixels_of(fields, slice(1)), fields.pixels(slice(1)))


def test_tensors_are_copies_of_the_places_asked_for(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u", "v")).load(Split.TRAIN)
    some = fields.tensor(np.array([7, 2]))
    assert np.array_equal(some.numpy(), fields.values[[7, 2]])
    whole = fields.tensor(slice(None))
    whole.zero_()
    assert fields.values.any()


def test_the_first_snapshots_keep_the_scale_of_all(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u",)).load(Split.TRAIN)
    assert len(fields.first(3)) == 3
    assert np.array_equal(units(fields.first(3)), units(fields)[:3])
    with pytest.raises(DataError, match=r"flow has 10 snapshots in its split 'train', not 11.$"):
        fields.first(11)


def test_some_places_are_a_split_of_their_own_with_the_scale_of_all(file: Path) -> None:
    fields = NpzFields(file=file, fields=("u",)).load(Split.TRAIN)
    some = fields.at(np.array([8, 1]), Split.VALIDATION)
    assert some.split is Split.VALIDATION
    assert np.array_equal(units(some), units(fields)[[8, 1]])
    with pytest.raises(DataError, match=r"flow has no snapshots in its split 'validation'\.$"):
        fields.at(np.array([], int), Split.VALIDATION)


def test_the_checksum_is_the_content_s(file: Path) -> None:
    fields = NpzFields(file=file, fields=("uv",), solid="body").load(Split.TRAIN)
    assert replace(fields, name="other", split=Split.TEST).sha256 == fields.sha256
    others = [
        fields.first(9),
        replace(fields, solid=None),
        replace(fields, solid=~BODY),
        replace(fields, lowest=fields.lowest - 1),
        replace(fields, highest=fields.highest + 1),
        replace(fields, values=with_changes(fields.values, (0, 0, 0, 0), 0.5)),
    ]
    assert len({fields.sha256, *(other.sha256 for other in others)}) == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": ("u", "w")}, r"flow.npz has no array 'w'; it has u, v, uv, .*\."),
        ({"fields": ("objects",)}, "'objects' in .*flow.npz holds Python objects; wanted numbers."),
        (
            {"fields": ("waves",)},
            "'waves' in .* was to hold floats or whole numbers, .*; it holds complex128 with 3 axes.",
        ),
        ({"fields": ("yes_or_no",)}, "was to hold floats or whole numbers, .*; it holds bool with 3 axes."),
        (
            {"fields": ("uv", "u"), "file": "one"},
            r"was to hold floats or whole numbers, \(snapshots, height, width\) or "
            r"\(snapshots, channels, height, width\); it holds float64 with 2 axes.",
        ),
        ({"fields": ("none",)}, "'none' in .* holds no snapshots; it is 0×4×6."),
        (
            {"fields": ("u", "shorter")},
            "'shorter' in .* has 9 snapshots of 4×6; wanted 10 of 4×6, as 'u' has.",
        ),
        (
            {"fields": ("uv", "narrower")},
            "'narrower' in .* has 10 snapshots of 4×5; wanted 10 of 4×6, as 'uv' has.",
        ),
        ({"fields": ("u", "broken")}, "'broken' in .* has NaN or infinite values in 2 of 10 snapshots."),
        ({"fields": ("hollow",)}, "'hollow' in .* has NaN or infinite values in 10 of 10 snapshots."),
        (
            {"fields": ("broken",), "solid": "body"},
            "'broken' in .* has NaN or infinite values outside 'body' in 2 of 10 snapshots.",
        ),
        ({"solid": "u"}, r"'u' in .* was to hold booleans \(height, width\); it holds float64 with 3 axes."),
        ({"solid": "all_body"}, "'all_body' in .* is true everywhere; wanted 4×6, false where fluid is."),
        ({"fields": ("narrower",), "solid": "body"}, "'body' in .* is 4×6; wanted 4×5, false where fluid is."),
        ({"test": 10}, "flow has 10 snapshots; 10 of them cannot be kept for testing."),
        ({"test": 3, "validation": 7}, "flow has 7 training snapshots; 7 of them cannot be kept for validation."),
    ],
)
def test_what_cannot_be_loaded_as_fields_is_one_sentence(
    file: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    if changes.get("file") == "one":
        np.savez(tmp_path / "one.npz", uv=U[0], u=U)
        changes = {**changes, "file": tmp_path / "one.npz"}
    with pytest.raises(DataError, match=f"{message}$"):
        NpzFields(**{"file": file, "fields": ("u",), **changes}).load(Split.TEST if "test" in changes else Split.TRAIN)


@pytest.mark.parametrize(
    ("shape", "last", "message"),
    [
        ((3, 9, 8, 4), False, r"3×9×8×4; wanted \(snapshots, channels, height, width\). For channels last .*=True."),
        ((3, 2, 9, 8), True, r"3×2×9×8; wanted \(snapshots, height, width, channels\). For channels first .*=False."),
    ],
)
def test_swapped_axes_are_noticed(tmp_path: Path, shape: tuple[int, ...], last: bool, message: str) -> None:
    np.savez(tmp_path / "a.npz", uv=np.zeros(shape))
    with pytest.raises(DataError, match=f"'uv' in .*a.npz is {message}$"):
        NpzFields(file=tmp_path / "a.npz", fields=("uv",), channels_last=last).load(Split.TRAIN)


@pytest.mark.parametrize(("names", "got"), [((), "none"), (("u", "v", "u"), "u, v, u")])
def test_fields_are_named_once_each(file: Path, names: tuple[str, ...], got: str) -> None:
    with pytest.raises(SettingError, match=f"^fields must name arrays, each once; it names {got}.$"):
        NpzFields(file=file, fields=names)


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_parts_that_were_not_asked_for_are_not_there(file: Path, split: Split) -> None:
    with pytest.raises(DataError, match=f"flow has no {split} snapshots of its own: say how many to keep"):
        NpzFields(file=file, fields=("u",)).load(split)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((0, 2, 4, 6), np.float32)}, "flow has no snapshots in its split 'train'."),
        ({"values": np.zeros((1, 2, 6, 4), np.float32)}, "flow was to hold snapshots of 2×4×6; it holds 2×6×4."),
    ],
)
def test_a_set_that_contradicts_itself_is_refused(file: Path, changes: dict[str, Any], message: str) -> None:
    fields = NpzFields(file=file, fields=("uv",)).load(Split.TRAIN)
    with pytest.raises(DataError, match=f"^{message}$"):
        replace(fields, **changes)


@pytest.mark.real_data
def test_the_real_flow_around_a_cylinder_is_read(real_data: Path) -> None:
    source = NpzFields(
        file=real_data / "cylinder" / "cylinder_grid_f16_shedding.npz",
        fields=("uv_over_0p05",),
        solid="solid",
        validation=12,
        test=12,
    )
    train, test = source.load(Split.TRAIN), source.load(Split.TEST)
    assert train.format.shape == (2, 48, 160)
    assert (len(train), len(test)) == (47, 12)
    assert train.solid is not None
    assert train.solid.sum() == 108
    assert not units(train)[:, :, train.solid].round(6).any()
    # The vortex street is nearly the same after 39 snapshots, about seven periods, and far from it after three.
    now, three_later, periods_later = units(train)[20], units(train)[23], units(test)[0]
    assert np.linalg.norm(periods_later - now) < 0.2 * np.linalg.norm(three_later - now)
