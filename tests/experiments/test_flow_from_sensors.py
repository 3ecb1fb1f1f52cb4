"""The classical baselines are exact where they must be, and say what they cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from experiments.flow_from_sensors.baselines import (
    Modes,
    choose_modes,
    draw_sensors,
    interpolate_linearly,
    nearest_snapshot,
    proper_orthogonal_modes,
    reconstruct_from_sensors,
    relative_error,
)

from latentia.errors import SettingError

HEIGHT, WIDTH = 6, 9
ALL_FLUID = np.zeros((HEIGHT, WIDTH), bool)


def fields_of_rank(rank: int, count: int, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Draw (count, 2, HEIGHT, WIDTH) from one mean and `rank` fields that depend on the rank alone."""
    shapes = np.random.default_rng(rank).normal(size=(rank + 1, 2, HEIGHT, WIDTH))
    generator = np.random.default_rng(seed)
    coefficients = generator.normal(size=(count, rank)) * 2.0 ** -np.arange(rank)
    drawn = shapes[0] + np.tensordot(coefficients, shapes[1:], 1)
    return drawn + noise * generator.normal(size=drawn.shape)


def sensors(count: int, seed: int = 0) -> np.ndarray:
    return draw_sensors(count, ALL_FLUID, np.random.default_rng(seed))


def hidden(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace all unknown values by NaN, which would spread wherever they were read."""
    return np.where(mask, values, np.nan)


def test_modes_are_orthonormal_and_sorted_and_their_energies_add_up_to_the_variance() -> None:
    snapshots = fields_of_rank(4, 20)
    modes = proper_orthogonal_modes(snapshots, 4)
    flat = modes.modes.reshape(4, -1)
    assert flat @ flat.T == pytest.approx(np.eye(4), abs=1e-12)
    assert (np.diff(modes.energies) < 0).all()
    assert modes.energies.sum() == pytest.approx(snapshots.var(0).sum())
    assert modes.mean == pytest.approx(snapshots.mean(0))


def test_energies_are_mean_squared_coefficients() -> None:
    snapshots = fields_of_rank(4, 20)
    modes = proper_orthogonal_modes(snapshots, 3)
    coefficients = np.tensordot(snapshots - modes.mean, modes.modes, ((1, 2, 3), (1, 2, 3)))
    assert (coefficients**2).mean(0) == pytest.approx(modes.energies)


@pytest.mark.parametrize("count", [0, 20])
def test_snapshots_have_fewer_modes_than_they_are(count: int) -> None:
    with pytest.raises(SettingError, match=f"^20 snapshots have 1 to 19 modes, not {count}.$"):
        proper_orthogonal_modes(fields_of_rank(4, 20), count)


@pytest.mark.parametrize("known", [2, 5])
def test_fields_of_low_rank_are_exact_from_as_many_values_as_modes(known: int) -> None:
    modes = proper_orthogonal_modes(fields_of_rank(4, 20), 4)
    truth, mask = fields_of_rank(4, 7, seed=1), sensors(known)
    assert reconstruct_from_sensors(modes, hidden(truth, mask), mask) == pytest.approx(truth, abs=1e-8)


def test_modes_without_energy_do_no_harm() -> None:
    modes = proper_orthogonal_modes(fields_of_rank(4, 20), 10)
    truth, mask = fields_of_rank(4, 7, seed=1), sensors(8)
    assert reconstruct_from_sensors(modes, truth, mask, 1e-12) == pytest.approx(truth, abs=1e-4)


def test_a_small_ridge_changes_little_and_a_huge_one_gives_the_mean() -> None:
    modes = proper_orthogonal_modes(fields_of_rank(4, 20, noise=0.1), 4)
    truth, mask = fields_of_rank(4, 7, seed=1), sensors(5)
    without, little, huge = (reconstruct_from_sensors(modes, truth, mask, ridge) for ridge in (0, 1e-12, 1e12))
    assert little == pytest.approx(without, abs=1e-6)
    assert huge == pytest.approx(np.broadcast_to(modes.mean, huge.shape), abs=1e-6)
    assert abs(without - modes.mean).max() > 1


def test_a_ridge_weighs_the_misfit_against_the_size_that_a_coefficient_usually_has() -> None:
    """One mode and one known value b = 3, of which the mode has φ: a = φ b / (φ² + ρ / energy)."""
    shape = np.zeros((1, 1, 2))
    shape[0, 0] = 0.6, 0.8
    modes = Modes(mean=np.ones((1, 1, 2)), modes=shape[None], energies=np.array([4.0]))
    mask = np.array([[True, False]])
    found = reconstruct_from_sensors(modes, np.array([[[[4.0, np.nan]]]]), mask, ridge=0.5)
    coefficient = 0.6 * 3 / (0.6**2 + 0.5 / 4)
    assert found.ravel() == pytest.approx([1 + 0.6 * coefficient, 1 + 0.8 * coefficient])


@pytest.mark.parametrize(("count", "ridge"), [(5, 0.0), (3, -1.0)])
def test_more_modes_than_known_values_need_a_ridge(count: int, ridge: float) -> None:
    modes, mask = proper_orthogonal_modes(fields_of_rank(6, 20), count), sensors(2)
    with pytest.raises(SettingError, match=f"{count} modes of 4 known values need a ridge above 0.* it is {ridge:g}.$"):
        reconstruct_from_sensors(modes, fields_of_rank(6, 3), mask, ridge)


def test_as_many_modes_are_chosen_as_the_fields_have() -> None:
    train, validation = fields_of_rank(3, 30, noise=1e-3), fields_of_rank(3, 10, seed=1, noise=1e-3)
    masks = [sensors(6, seed) for seed in range(5)]
    choice = choose_modes(train, validation, masks, counts=range(1, 11))
    assert len(choice.modes) == 3
    found = [reconstruct_from_sensors(choice.modes, validation, mask) for mask in masks]
    assert choice.error == pytest.approx(np.mean([relative_error(validation, estimate) for estimate in found]))
    assert choice.error < 1e-2


def test_a_ridge_is_chosen_where_values_are_noisy() -> None:
    train, validation = fields_of_rank(8, 40, noise=0.3), fields_of_rank(8, 20, seed=1, noise=0.3)
    masks = [sensors(5, seed) for seed in range(5)]
    choice = choose_modes(train, validation, masks, counts=[8, 20], ridges=[0.0, 0.1, 1e9])
    assert choice.ridge == 0.1


def test_modes_that_no_mask_can_determine_are_not_tried_without_a_ridge() -> None:
    train, validation = fields_of_rank(8, 30), fields_of_rank(8, 10, seed=1)
    masks = [sensors(2), sensors(6)]
    assert len(choose_modes(train, validation, masks, counts=[1, 8]).modes) == 1
    with pytest.raises(SettingError, match=r"^More than 4 modes need a ridge above 0; counts are 5, 8.$"):
        choose_modes(train, validation, masks, counts=[5, 8])


def test_the_snapshot_that_fits_at_the_sensors_is_remembered() -> None:
    train, mask = fields_of_rank(4, 20), sensors(3)
    asked = train[[7, 2]] + 1e-3
    assert np.array_equal(nearest_snapshot(train, hidden(asked, mask), mask), train[[7, 2]])


def test_linear_fields_are_interpolated_exactly_within_the_hull() -> None:
    rows, columns = np.indices((HEIGHT, WIDTH))
    truth = np.stack([[2 * rows - columns + 1, 0.5 * rows + 3 * columns]] * 2).astype(float)
    truth[1] *= -2
    mask = sensors(7)
    mask[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    assert interpolate_linearly(hidden(truth, mask), mask) == pytest.approx(truth, abs=1e-12)


def test_outside_the_hull_the_nearest_known_value_is_taken() -> None:
    mask = np.zeros((5, 5), bool)
    mask[[0, 0, 2], [0, 2, 0]] = True
    values = np.where(mask, np.arange(25.0).reshape(5, 5), np.nan)[None, None]
    found = interpolate_linearly(values, mask)[0, 0]
    assert found[:3, :3].round(9).tolist() == [[0, 1, 2], [5, 6, found[1, 2]], [10, found[2, 1], found[2, 2]]]
    assert (found[1, 2], found[2, 1], found[4, 0], found[0, 4]) == (2, 10, 10, 2)


@pytest.mark.parametrize(("rows", "columns"), [([2], [3]), ([0, 4], [1, 1]), ([0, 2, 4], [0, 2, 4])])
def test_known_places_on_one_line_give_the_nearest_value(rows: list[int], columns: list[int]) -> None:
    mask = np.zeros((5, 5), bool)
    mask[rows, columns] = True
    values = np.random.default_rng(0).normal(size=(2, 1, 5, 5))
    found = interpolate_linearly(hidden(values, mask), mask)
    assert np.array_equal(found[..., mask], values[..., mask])
    assert np.isin(found[1], values[1][..., mask]).all()
    assert np.array_equal(found[..., 0, 0], values[..., rows[0], columns[0]])


def test_nothing_is_interpolated_from_nothing() -> None:
    with pytest.raises(SettingError, match=r"^Interpolation needs at least one known place; the mask has none.$"):
        interpolate_linearly(fields_of_rank(2, 3), ALL_FLUID)


def test_an_error_is_relative_to_each_snapshot_and_blind_within_the_solid() -> None:
    truth = np.zeros((2, 1, 1, 3))
    truth[:, 0, 0] = [3, 4, 7], [6, 8, 7]
    estimate = truth.copy()
    estimate[:, 0, 0] += [1, 0, 5]
    assert relative_error(truth, estimate, np.array([[False, False, True]])) == pytest.approx([0.2, 0.1])
    assert relative_error(truth, estimate) == pytest.approx(np.sqrt([26 / 74, 26 / 149]))


def test_sensors_are_different_places_in_the_fluid_all_as_likely() -> None:
    solid = np.zeros((3, 4), bool)
    solid[1, 1:3] = True
    generator = np.random.default_rng(0)
    masks = np.array([draw_sensors(4, solid, generator) for _ in range(2000)])
    assert (masks.sum((1, 2)) == 4).all()
    assert masks.mean(0) == pytest.approx(np.where(solid, 0, 0.4), abs=0.05)
