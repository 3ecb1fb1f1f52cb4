"""Sensors are never in the solid, no split leaks, and a model finds z again by what sensors say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.flow_from_sensors import __main__ as program
from experiments.flow_from_sensors.measure import METHODS, masks_of
from experiments.flow_from_sensors.networks import NetworkConfig, decode_at
from experiments.flow_from_sensors.posterior import SensorPosterior
from experiments.flow_from_sensors.splits import SPLITS, SplitName, load_parts, shedding_phase, split_places
from experiments.flow_from_sensors.trainings import FEWEST, MOST, SensorDraws

from latentia.data import FieldSet, Split
from latentia.errors import SettingError
from latentia.evaluation_mode import evaluation_mode
from latentia.images import ImageFormat
from latentia.masks import apply_mask
from latentia.randomness import seeded

HEIGHT, WIDTH, PERIOD = 8, 12, 5.58
SOLID = np.zeros((HEIGHT, WIDTH), bool)
SOLID[3:5, 2:4] = True
INSIDE = torch.from_numpy(SOLID)


def waves(count: int = 40) -> FieldSet:
    """Snapshots of waves that go by a solid, with a period of PERIOD snapshots."""
    phase = np.arange(count)[:, None, None] / PERIOD - np.arange(WIDTH) / WIDTH + np.zeros((HEIGHT, 1))
    values = 0.5 + 0.3 * np.stack([np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)], 1)
    return FieldSet(
        values=np.where(SOLID, 0.5, values).astype(np.float32),
        lowest=np.zeros(2),
        highest=np.ones(2),
        format=ImageFormat(channels=2, height=HEIGHT, width=WIDTH),
        name="waves",
        split=Split.TRAIN,
        solid=SOLID,
    )


def test_the_phase_goes_round_once_in_a_period() -> None:
    steps = np.diff(shedding_phase(waves()))
    # Which way round depends on the signs of the modes.
    direction = np.sign(np.median((steps + 0.5) % 1 - 0.5))
    assert (direction * steps) % 1 == pytest.approx(1 / PERIOD, abs=0.02)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_snapshot_is_in_one_part(split: SplitName, seed: int) -> None:
    places = split_places(split, shedding_phase(waves(71)), seed)
    assert sorted(np.concatenate(list(places.values()))) == list(range(71))
    assert min(len(one) for one in places.values()) >= 8


@pytest.mark.parametrize("seed", range(5))
def test_the_split_by_phase_leaks_no_phase(seed: int) -> None:
    phase = np.random.default_rng(seed).random(200)
    places = split_places("phase", phase, seed)
    held, rest = phase[places[Split.TEST]], phase[places[Split.TRAIN]]
    apart = abs((held[:, None] - held + 0.5) % 1 - 0.5)
    assert apart.max() < 1 / 6
    middle = held[apart.max(1).argmin()]
    span = abs((held - middle + 0.5) % 1 - 0.5)
    # Around the middle of what is held out, nothing is trained on.
    assert abs((rest - middle + 0.5) % 1 - 0.5).min() > np.median(span)
    ordered = np.sort(np.concatenate([(held - middle) % 1, (rest - middle) % 1]))
    inside = np.isin(ordered, (held - middle) % 1)
    assert np.count_nonzero(inside != np.roll(inside, 1)) == 2  # one stretch held out, one stretch left


def test_other_splits_are_refused() -> None:
    with pytest.raises(SettingError, match=r"^Snapshots are split as ordered, shuffled, phase, not 'odd'.$"):
        split_places("odd", np.zeros(71), 0)  # type: ignore[arg-type]


def test_sensors_are_never_in_the_solid() -> None:
    masks = SensorDraws(solid=SOLID, none_known=0.25).draw(400, np.random.default_rng(0))
    assert not (masks & INSIDE).any()
    numbers = masks.flatten(1).sum(1)
    known = numbers[numbers > 0]
    assert (int(known.min()), int(known.max())) == (FEWEST, MOST)
    assert float((numbers == 0).float().mean()) == pytest.approx(0.25, abs=0.07)
    assert float((known < 16).float().mean()) == pytest.approx(0.5, abs=0.08)
    for count in (4, 64):
        measured = np.array(masks_of(count, 20, SOLID, seed=0))
        assert not (measured & SOLID).any()
        assert (measured.sum((1, 2)) == count).all()


def test_unknown_values_are_never_read() -> None:
    with seeded(0):
        model = NetworkConfig(decoders="multi", hidden=8, modes=6).build(waves())
        values = waves().tensor(slice(0, 5))
        masks = SensorDraws(solid=SOLID).draw(5, np.random.default_rng(0))
        latent = torch.randn(5, model.config.latent_size)
    hidden = values.masked_fill(~masks, torch.nan)
    with evaluation_mode(model):
        found, without = (model.decode_given(latent, apply_mask(one, masks)) for one in (values, hidden))
    assert torch.equal(found, without)


def test_what_a_field_gives_does_not_depend_on_the_others() -> None:
    with seeded(0):
        model = NetworkConfig(decoders="single", hidden=8, modes=6).build(waves())
        values, latent = waves().tensor(slice(0, 5)), torch.randn(5, model.config.latent_size)
    masks = SensorDraws(solid=SOLID, none_known=0.3).draw(5, np.random.default_rng(3))
    with evaluation_mode(model):
        together = model.decode_given(latent, apply_mask(values, masks))
        alone = [model.decode_given(latent[[i]], apply_mask(values[[i]], masks[[i]])) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


@pytest.fixture
def posterior() -> SensorPosterior:
    with seeded(2):
        model = NetworkConfig(decoders="multi", hidden=8, modes=6).build(waves())
    return SensorPosterior.of(model, 200, seed=0)


def test_values_at_places_are_those_of_the_whole_field(posterior: SensorPosterior) -> None:
    mask = torch.from_numpy(masks_of(7, 1, SOLID, seed=0)[0])
    with evaluation_mode(posterior.model):
        whole = posterior.model.decode(posterior.latents)
        some = decode_at(posterior.model, posterior.latents, mask)
    torch.testing.assert_close(some, whole[:, :, mask].flatten(1))


def test_a_decoded_field_is_found_again_from_sensors_with_little_noise(posterior: SensorPosterior) -> None:
    mask = torch.from_numpy(masks_of(20, 1, SOLID, seed=0)[0])
    with evaluation_mode(posterior.model), seeded(5):
        truth = posterior.model.decode(posterior.model.draw_latent(6))
    noise = 1e-3 * float(truth.std(0).mean())
    found, deviation = posterior.estimate(truth.masked_fill(~mask, torch.nan), mask, noise)
    scale = float((truth - truth.mean(0)).square().mean().sqrt())
    assert float((found - truth).square().mean().sqrt()) < 0.05 * scale
    assert (deviation >= noise).all()


def test_without_information_the_posterior_is_the_prior(posterior: SensorPosterior) -> None:
    mask = torch.from_numpy(masks_of(4, 1, SOLID, seed=0)[0])
    values = waves().tensor(slice(0, 3))
    with evaluation_mode(posterior.model):
        at_zero = posterior.model.decode(torch.zeros(3, posterior.model.config.latent_size))
    found, _ = posterior.estimate(values, mask, noise=1e4)
    torch.testing.assert_close(found, at_zero, atol=1e-4, rtol=1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize("split", SPLITS)
def test_the_scale_is_that_of_the_training_snapshots(split: SplitName, real_data: Path) -> None:
    parts = load_parts(real_data, split, seed=0)
    fluid = parts.train.values[..., ~parts.solid]
    assert (fluid.min((0, 2)).tolist(), fluid.max((0, 2)).tolist()) == ([0, 0], [1, 1])
    assert len(parts.train) + len(parts.validation) + len(parts.test) == 71
    taken = {one.tobytes() for one in parts.train.values}
    assert not any(one.tobytes() in taken for part in (parts.validation, parts.test) for one in part.values)


@pytest.mark.real_data
def test_the_smallest_budget_runs_and_goes_on(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTIA_DATA", str(real_data))
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert [run["split"] for run in result["runs"]] == ["phase"]
    assert set(result["runs"][0]["errors"]) == set(METHODS)
    assert "| POD + ridge |" in (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert (tmp_path / "smoke-flow.png").stat().st_size > 10_000
    kept = tmp_path / "work" / "smoke-seed0" / "phase-seed0.json"
    changed = kept.stat().st_mtime_ns
    assert program.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    assert kept.stat().st_mtime_ns == changed
