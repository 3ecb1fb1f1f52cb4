from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from latentia.errors import SettingError
from latentia.masks import Masking, PowerLawCount, ShareCount, apply_mask, mask_keys
from latentia.runs.settings import plain, read

SIDES = st.integers(1, 40)
RANDOM_PLACES: tuple[Any, ...] = ("uniform", "gaussian", "stratified", "block", "lines")
MASKINGS = [
    Masking(places="grid"),
    *[Masking(places="uniform", duplicates=duplicates, share=0.1) for duplicates in (True, False)],
    *[Masking(places="gaussian", duplicates=duplicates, exponent=5.0) for duplicates in (True, False)],
    *[Masking(places=places, exponent=5.0) for places in RANDOM_PLACES[2:]],
]


def drawn(masking: Masking, count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Masks of so many images: (count, height, width)."""
    return masking.draw(mask_keys(seed, count=count), height, width)[:, 0]


def single_pixels(height: int, width: int, count: int, **settings: Any) -> np.ndarray:
    """How often each pixel is the known one, (height, width), of masks with one."""
    masks = drawn(Masking(number=1, **settings), count, height, width)
    assert (masks.sum((1, 2)) == 1).all()
    return masks.sum(0).numpy()


def gaussian_chances(size: int) -> np.ndarray:
    """P(⌊N(size/2, size/6)⌋ = i), with all that lies outside at the ends."""
    inner = stats.norm.cdf(np.arange(1, size), loc=size / 2, scale=size / 6)
    return np.diff(np.concatenate([[0.0], inner, [1.0]]))


def assert_follows(observed: np.ndarray, chances: np.ndarray) -> None:
    """Chi-square test, rare cases taken together; the seeds are fixed, so that it fails always or never."""
    order = np.argsort(chances, axis=None)
    observed, expected = observed.ravel()[order], chances.ravel()[order] * observed.sum()
    assert not observed[expected == 0].any()
    group = np.searchsorted(expected, 8) + 1
    observed = np.append(observed[:group].sum(), observed[group:])
    expected = np.append(expected[:group].sum(), expected[group:])
    assert stats.chisquare(observed, expected).pvalue > 1e-3


# Grids


@pytest.mark.parametrize(
    ("side", "lines"), [(28, [5, 10, 15, 20]), (32, [6, 12, 18, 24]), (64, [4, 10, 16, 22, 28, 34, 40, 46, 52, 58])]
)
def test_grids_are_those_of_the_authors_code(side: int, lines: list[int]) -> None:
    mask = drawn(Masking(places="grid"), 1, side, side)[0]
    assert mask.nonzero().tolist() == [[row, column] for row in lines for column in lines]


def test_a_grid_of_an_image_that_is_not_square_has_the_lines_of_its_sides() -> None:
    mask = drawn(Masking(places="grid"), 1, 28, 64)[0]
    assert mask.any(1).nonzero().flatten().tolist() == [5, 10, 15, 20]
    assert mask.any(0).nonzero().flatten().tolist() == list(range(4, 59, 6))
    assert mask.sum() == 40


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_grid_is_even_centred_and_sparse_at_every_size(height: int, width: int) -> None:
    mask = drawn(Masking(places="grid"), 1, height, width)[0]
    for size, lines in ((height, mask.any(1).nonzero().flatten()), (width, mask.any(0).nonzero().flatten())):
        apart = lines.diff().tolist()
        assert len(set(apart)) <= 1
        assert all(2 <= one <= 6 for one in apart)
        assert 0 <= (size - 1) / 2 - (lines[0] + lines[-1]).item() / 2 <= 1
        assert mask.sum() % len(lines) == 0
    assert mask.sum() == mask.any(1).sum() * mask.any(0).sum()


# Counts


@pytest.mark.parametrize(("side", "count"), [(28, 39), (32, 51), (64, 204)])
def test_five_percent_of_the_pixels_is_rounded_down(side: int, count: int) -> None:
    assert (drawn(Masking(share=0.05, duplicates=False), 3, side, side).sum((1, 2)) == count).all()


def test_a_share_that_is_a_whole_number_of_pixels_is_that_number() -> None:
    """Though 0.29 · 100 is 28.999…96 in binary."""
    for percent in range(1, 101):
        assert ShareCount(share=percent / 100).draw(mask_keys(0, count=1), 100).tolist() == [percent]


@pytest.mark.parametrize(("exponent", "pixels"), [(40.0, 784), (60.0, 784), (1.0, 30), (0.3, 50), (60.0, 12)])
def test_counts_follow_the_power_law(exponent: float, pixels: int) -> None:
    counts = PowerLawCount(exponent=exponent).draw(mask_keys(1, count=20_000), pixels)
    edges = (1 - np.arange(pixels + 1) / pixels) ** exponent  # P(count ≥ n)
    assert_follows(np.bincount(counts, minlength=pixels), -np.diff(edges))


def test_a_higher_exponent_gives_fewer_pixels() -> None:
    """The authors' code drew with exponent 40 whatever was asked for. The mean is Σ_{n ≥ 1} P(count ≥ n)."""
    n, means = np.arange(1, 785), {}
    for exponent in (40.0, 60.0):
        counts = PowerLawCount(exponent=exponent).draw(mask_keys(2, count=40_000), 784)
        wanted = ((1 - n / 784) ** exponent).sum()
        means[exponent] = counts.mean()
        assert means[exponent] == pytest.approx(wanted, abs=4 * counts.std() / 200)
    assert means[60.0] < 0.7 * means[40.0]


def test_counts_of_the_power_law_reach_from_none_to_all_but_one() -> None:
    masks = drawn(Masking(places="stratified", exponent=0.1), 500, 3, 3)
    assert set(masks.sum((1, 2)).tolist()) == set(range(9))


def test_how_many_pixels_are_known_says_nothing_of_which() -> None:
    masks = drawn(Masking(exponent=20.0, duplicates=False), 40_000, 4, 5, seed=3)
    one = masks[masks.sum((1, 2)) == 1]
    assert len(one) > 5000
    assert_follows(one.sum(0).numpy(), np.full((4, 5), 1 / 20))


# Places


def test_random_numbers_are_those_of_splitmix64() -> None:
    """Its first outputs at seed 1234567, as in Vigna's splitmix64.c; the first one is the count's."""
    outputs = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    mask = Masking(number=4).draw(np.array([1234567], dtype=np.uint64), 30, 40)
    assert mask.flatten().nonzero().flatten().tolist() == sorted(one * 1200 >> 64 for one in outputs[1:])


@pytest.mark.parametrize("duplicates", [True, False])
def test_uniform_places_are_each_pixel_alike(duplicates: bool) -> None:
    assert_follows(single_pixels(5, 7, 20_000, places="uniform", duplicates=duplicates), np.full((5, 7), 1 / 35))


@pytest.mark.parametrize("duplicates", [True, False])
@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6), (1, 12), (12, 2)])
def test_gaussian_places_are_a_normal_rounded_down_and_kept_in_the_image(
    duplicates: bool, height: int, width: int
) -> None:
    observed = single_pixels(height, width, 20_000, places="gaussian", duplicates=duplicates)
    assert_follows(observed, np.outer(gaussian_chances(height), gaussian_chances(width)))


def test_the_tails_of_the_gaussian_lie_at_the_edges() -> None:
    """Beyond three standard deviations is 0.00135 on each side, on top of the edge's own."""
    rows = single_pixels(60, 1, 100_000, places="gaussian").sum(1)
    for row, own in ((0, stats.norm.cdf([-3, -2.9])), (59, stats.norm.cdf([-3, -2.9]))):
        wanted = 100_000 * (own[0] + (own[1] - own[0]))
        assert rows[row] == pytest.approx(wanted, abs=4 * math.sqrt(wanted))


def test_draws_with_duplicates_know_as_many_pixels_as_chance_has_it() -> None:
    known = drawn(Masking(share=0.05), 4000, 28, 28).sum((1, 2)).double()
    wanted = 784 * (1 - (1 - 1 / 784) ** 39)
    assert known.max() == 39
    assert known.mean().item() == pytest.approx(wanted, abs=4 * known.std().item() / math.sqrt(4000))


def test_gaussian_draws_with_duplicates_know_as_many_pixels_as_chance_has_it() -> None:
    known = drawn(Masking(places="gaussian", share=0.05), 4000, 28, 28).sum((1, 2)).double()
    chances = np.outer(gaussian_chances(28), gaussian_chances(28))
    wanted = (1 - (1 - chances) ** 39).sum()
    assert known.mean().item() == pytest.approx(wanted, abs=4 * known.std().item() / math.sqrt(4000))


def test_without_duplicates_a_gaussian_pair_is_one_pixel_and_then_another_of_the_rest() -> None:
    pairs = drawn(Masking(places="gaussian", number=2, duplicates=False), 20_000, 2, 3).flatten(1)
    p = np.outer(gaussian_chances(2), gaussian_chances(3)).ravel()
    wanted = {
        (i, j): p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j]) for i, j in itertools.combinations(range(6), 2)
    }
    observed = [(pairs[:, i] & pairs[:, j]).sum().item() for i, j in wanted]
    assert_follows(np.array(observed), np.array(list(wanted.values())))


@pytest.mark.parametrize("places", ["uniform", "gaussian", "stratified"])
@given(SIDES, SIDES, st.data())
def test_without_duplicates_exactly_so_many_pixels_are_known(
    places: Any, height: int, width: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, height * width))
    masks = drawn(Masking(places=places, number=number, duplicates=False), 3, height, width)
    assert masks.sum((1, 2)).tolist() == [number] * 3


def test_stratified_places_are_one_in_each_cell_anywhere_within() -> None:
    masks = drawn(Masking(places="stratified", number=12), 4000, 9, 16)  # 3 × 4 cells of 3×4 pixels
    cells = masks.reshape(-1, 3, 3, 4, 4).permute(0, 1, 3, 2, 4).flatten(3)
    assert (cells.sum(-1) == 1).all()
    for row, column in itertools.product(range(3), range(4)):
        assert_follows(cells[:, row, column].sum(0).numpy(), np.full(12, 1 / 12))


@pytest.mark.parametrize(("height", "width"), [(20, 1), (1, 20), (3, 11)])
def test_the_one_pixel_of_a_single_cell_lies_anywhere_in_the_image(height: int, width: int) -> None:
    observed = single_pixels(height, width, 5000, places="stratified")
    assert_follows(observed, np.full((height, width), 1 / (height * width)))


@pytest.mark.parametrize(("height", "width"), [(2, 40), (40, 2)])
def test_cells_of_a_flat_image_hold_at_least_a_pixel_each(height: int, width: int) -> None:
    """At 41 of 2×40, one band of nearly square cells would have more cells than columns."""
    for number in range(1, 81):
        masks = drawn(Masking(places="stratified", number=number), 2, height, width)
        assert masks.sum((1, 2)).tolist() == [number] * 2


@given(SIDES, SIDES, st.data())
def test_stratified_places_leave_no_part_of_the_image_empty(height: int, width: int, data: st.DataObject) -> None:
    """A cell is at most about twice as long as its side would be in a square one, in a wide enough image."""
    number = data.draw(st.integers(1, height * width))
    assume(4 * min(height, width) ** 2 >= height * width)
    rows, columns = drawn(Masking(places="stratified", number=number), 1, height, width)[0].nonzero().T
    reach = 2 * math.sqrt(height * width / number) + 2
    for row, column in itertools.product((0, height // 2, height - 1), (0, width // 2, width - 1)):
        assert torch.maximum((rows - row).abs(), (columns - column).abs()).min() <= reach


@given(SIDES, SIDES, st.data())
def test_a_block_is_one_patch_of_about_so_many_pixels(height: int, width: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, height * width))
    for mask in drawn(Masking(places="block", number=number), 3, height, width):
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert rows.diff().eq(1).all()
        assert columns.diff().eq(1).all()
        assert mask.sum() == len(rows) * len(columns)
        assert abs(len(rows) * len(columns) - number) <= len(rows) / 2
        if number <= (min(height, width) - 1) ** 2:
            assert abs(len(rows) - len(columns)) <= 1


def test_a_block_lies_anywhere_in_the_image() -> None:
    masks = drawn(Masking(places="block", number=4), 20_000, 4, 5)
    corners = masks.flatten(1).int().argmax(1)
    observed = np.bincount(corners.numpy(), minlength=20).reshape(4, 5)
    assert not observed[3].any()
    assert not observed[:, 4].any()
    assert_follows(observed[:3, :4], np.full((3, 4), 1 / 12))


@given(SIDES, SIDES, st.data())
def test_lines_are_as_few_whole_rows_as_hold_so_many_pixels(height: int, width: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, height * width))
    for mask in drawn(Masking(places="lines", number=number), 3, height, width):
        assert torch.equal(mask.any(1), mask.all(1))
        assert mask.any(1).sum() == math.ceil(number / width)


def test_lines_are_each_row_alike() -> None:
    rows = drawn(Masking(places="lines", number=5), 20_000, 6, 5).any(2)
    assert_follows(rows.sum(0).numpy(), np.full(6, 1 / 6))


# Keys


@pytest.mark.parametrize("masking", MASKINGS, ids=str)
def test_a_key_has_the_same_mask_alone_and_in_every_batch(masking: Masking) -> None:
    keys = mask_keys(4, count=20)
    batch = masking.draw(keys, 11, 17)
    assert torch.equal(torch.cat([masking.draw(keys[place : place + 1], 11, 17) for place in range(20)]), batch)
    order = np.random.default_rng(0).permutation(20)
    assert torch.equal(masking.draw(keys[order], 11, 17), batch[order])
    assert torch.equal(batch, masking.draw(keys, 11, 17))


@pytest.mark.parametrize("masking", MASKINGS[1:], ids=str)
def test_masks_of_other_images_steps_and_seeds_differ(masking: Masking) -> None:
    masks = [
        mask.numpy().tobytes()
        for numbers in ((1, 1), (1, 2), (2, 1))
        for mask in masking.draw(mask_keys(*numbers, count=40), 28, 28)
        if mask.sum() > 28 + 5  # of few pixels or lines there are few masks
    ]
    assert len(masks) > 20
    assert len(set(masks)) > 0.8 * len(masks)


@pytest.mark.parametrize("masking", MASKINGS, ids=str)
def test_of_no_images_there_are_no_masks(masking: Masking) -> None:
    assert masking.draw(mask_keys(0, count=0), 4, 6).shape == (0, 1, 4, 6)


def test_neighbouring_images_have_masks_that_know_nothing_of_each_other() -> None:
    places = drawn(Masking(number=1), 20_001, 2, 3).flatten(1).int().argmax(1).numpy()
    assert_follows(np.bincount(places[:-1] * 6 + places[1:], minlength=36), np.full(36, 1 / 36))


def test_an_images_key_depends_on_every_number_and_its_place_but_not_on_how_many_there_are() -> None:
    keys = [mask_keys(*numbers, count=50) for numbers in ((0,), (1,), (0, 0), (0, 1), (1, 0), (2**63, 5))]
    assert len(set(np.concatenate(keys).tolist())) == 300
    assert np.array_equal(mask_keys(0, 1, count=7), keys[3][:7])


# Settings


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "exactly one of share, number and exponent; given: none of them"),
        ({"share": 0.1, "number": 3}, "exactly one of share, number and exponent; given: share and number"),
        ({"places": "grid", "exponent": 40.0}, "grid has its own number of pixels and takes no exponent"),
        ({"share": 0.0}, "share of known pixels is above 0 and at most 1, not 0.0"),
        ({"share": 1.5}, "share of known pixels is above 0 and at most 1, not 1.5"),
        ({"share": math.nan}, "share of known pixels is above 0 and at most 1, not nan"),
        ({"number": 0}, "No pixel given: .* at least 1, not 0"),
        ({"exponent": 0.0}, "exponent of the power law is a number above 0, not 0.0"),
        ({"exponent": -40.0}, "exponent of the power law is a number above 0, not -40.0"),
        ({"exponent": math.inf}, "exponent of the power law is a number above 0, not inf"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        Masking(**settings)


@pytest.mark.parametrize("places", RANDOM_PLACES)
def test_more_pixels_than_an_image_has_are_refused(places: Any) -> None:
    masking = Masking(places=places, number=13)
    with pytest.raises(SettingError, match="Mask larger than the image: 13 known pixels of 12"):
        drawn(masking, 2, 3, 4)


def test_a_share_of_less_than_a_pixel_is_refused() -> None:
    with pytest.raises(SettingError, match=r"No pixel given: a share of 0\.05 of 16 pixels"):
        drawn(Masking(share=0.05), 2, 4, 4)


@pytest.mark.parametrize("masking", MASKINGS, ids=str)
def test_a_configuration_holds_every_masking(masking: Masking) -> None:
    assert read(Masking, plain(masking)) == masking


# Applying


def test_the_condition_is_the_known_values_and_the_mask() -> None:
    values = torch.tensor([[[[0.5, 0.6]], [[0.7, 0.8]]]])
    mask = torch.tensor([[[[True, False]]]])
    condition = apply_mask(values, mask)
    torch.testing.assert_close(condition, torch.tensor([[[[0.5, 0.0]], [[0.7, 0.0]], [[1.0, 0.0]]]]))


def test_a_known_black_pixel_is_not_an_unknown_one() -> None:
    black = torch.zeros(1, 1, 1, 2)
    assert apply_mask(black, torch.tensor([[[[True, False]]]])).flatten().tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("hidden", [math.nan, math.inf, 7.0])
def test_what_stands_at_unknown_pixels_does_not_matter(hidden: float) -> None:
    mask = drawn(Masking(share=0.3), 4, 5, 6)[:, None]
    values = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.where(mask, values, hidden).requires_grad_()
    condition = apply_mask(other, mask)
    assert condition.dtype == torch.float64
    assert torch.equal(condition, apply_mask(values, mask))
    condition.sum().backward()
    assert other.grad is not None
    assert torch.equal(other.grad, mask.expand(4, 3, 5, 6).double())
