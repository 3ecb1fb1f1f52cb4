"""Reconstruct held-out snapshots from sensors by every method, and measure it. Settings are chosen on validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from experiments.flow_from_sensors.baselines import (
    Choice,
    Fields,
    Modes,
    Places,
    choose_modes,
    draw_sensors,
    interpolate_linearly,
    nearest_snapshot,
    proper_orthogonal_modes,
    reconstruct_from_sensors,
    relative_error,
)
from experiments.flow_from_sensors.posterior import SensorPosterior
from experiments.flow_from_sensors.protocol import Budget
from experiments.flow_from_sensors.splits import Parts
from latentia.data import FieldSet, Split
from latentia.models.base import Decoders
from latentia.models.multitask_gaussian_vae import MultitaskGaussianVAE
from latentia.uses import impute

MODES = (4, 8, 12, 16, 24, 40)
RIDGES = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
NOISES = (0.01, 0.02, 0.03, 0.05)
"""Standard deviations of a value around the decoded one, of which one is chosen; fields span 0 to 1."""
LEFT_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)
CHOICE_SEED, TEST_SEED = 1, 2

MEAN, NEAREST, LINEAR, POD = "training mean", "nearest snapshot", "linear", "POD + ridge"
PIXELS, PIXELS_MULTI = "ours: pixels, single decoder", "ours: pixels, two decoders"
POSTERIOR, THEN_POD = "ours: z by the sensors", "ours: z by the sensors, then POD"
BOUND = "z of the whole field + pixels"
METHODS = (MEAN, NEAREST, LINEAR, POD, PIXELS, PIXELS_MULTI, POSTERIOR, THEN_POD, BOUND)


def masks_of(count: int, draws: int, solid: Places, seed: int) -> list[Places]:
    """Draw sets of sensors that depend on their number and the seed alone: the same ones for every method and split."""
    generator = np.random.default_rng([seed, count])
    return [draw_sensors(count, solid, generator) for _ in range(draws)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the validation snapshots chose for a number of sensors."""

    pod: Choice
    noise: float
    then: Modes
    """Modes of what is left where z is found by the sensors: all of the snapshots'."""
    then_ridge: float

    def as_record(self) -> dict[str, float]:
        """Give the numbers."""
        numbers = {"pod_modes": len(self.pod.modes), "pod_ridge": self.pod.ridge}
        return {**numbers, "noise": self.noise, "then_ridge": self.then_ridge}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A reconstruction in physical units, and how unsure it is where it says so."""

    field: Fields
    deviation: Fields | None = None


@dataclass(frozen=True, kw_only=True)
class Methods:
    """All methods, trained on one split."""

    parts: Parts
    models: Mapping[Decoders, MultitaskGaussianVAE]
    posterior: SensorPosterior
    samples: int

    @classmethod
    def of(cls, parts: Parts, models: Mapping[Decoders, MultitaskGaussianVAE], budget: Budget, seed: int) -> Methods:
        """Prepare them: fields are drawn by the model with two decoders, which has one that knows z alone."""
        posterior = SensorPosterior.of(models["multi"], budget.prior_draws, seed)
        return cls(parts=parts, models=models, posterior=posterior, samples=budget.samples)

    def choose(self, masks: list[Places]) -> Settings:
        """Choose the settings for one number of sensors by the mean error over validation snapshots and masks."""
        train, validation = self.parts.physical(Split.TRAIN), self.parts.physical(Split.VALIDATION)
        solid = self.parts.solid
        counts = [count for count in MODES if count < len(train)]
        pod = choose_modes(train, validation, masks, counts=counts, ridges=RIDGES, solid=solid)
        modes = proper_orthogonal_modes(train, max(counts))
        tried = []
        for noise in NOISES:
            found = [self._by_posterior(self.parts.validation, mask, noise).field for mask in masks]
            for ridge in LEFT_RIDGES:
                one = Settings(pod=pod, noise=noise, then=modes, then_ridge=ridge)
                finished = [then_pod(field, validation, mask, one) for field, mask in zip(found, masks, strict=True)]
                error = np.mean([relative_error(validation, field, solid).mean() for field in finished])
                tried.append((float(error), one))
        return min(tried, key=lambda row: row[0])[1]

    def estimates(self, fields: FieldSet, mask: Places, settings: Settings) -> dict[str, Estimate]:
        """Reconstruct snapshots by every method from the values at the mask; the bound alone reads others."""
        truth = physical(fields, fields.tensor(slice(None)))
        train = self.parts.physical(Split.TRAIN)
        found = {
            MEAN: Estimate(field=np.broadcast_to(train.mean(0), truth.shape)),
            NEAREST: Estimate(field=nearest_snapshot(train, truth, mask)),
            LINEAR: Estimate(field=interpolate_linearly(truth, mask)),
            POD: Estimate(field=reconstruct_from_sensors(settings.pod.modes, truth, mask, settings.pod.ridge)),
        }
        known = torch.from_numpy(mask)[None, None]
        by_name = {PIXELS: self.models["single"], PIXELS_MULTI: self.models["multi"]}
        for name, model in by_name.items():
            imputed = impute(model, fields.tensor(slice(None)), known, samples=self.samples, field=True)
            span = (fields.highest - fields.lowest)[:, None, None]
            deviation = imputed.standard_deviation.double().numpy() * span
            found[name] = Estimate(field=physical(fields, imputed.mean), deviation=deviation)
            if name == PIXELS_MULTI:
                found[BOUND] = Estimate(field=physical(fields, imputed.from_both))
        found[POSTERIOR] = self._by_posterior(fields, mask, settings.noise)
        finished = then_pod(found[POSTERIOR].field, truth, mask, settings)
        found[THEN_POD] = Estimate(field=finished, deviation=found[POSTERIOR].deviation)
        return {name: found[name] for name in METHODS}

    def _by_posterior(self, fields: FieldSet, mask: Places, noise: float) -> Estimate:
        values = fields.tensor(slice(None))
        mean, deviation = self.posterior.estimate(values, torch.from_numpy(mask), noise)
        span = (fields.highest - fields.lowest)[:, None, None]
        return Estimate(field=physical(fields, mean), deviation=deviation.double().numpy() * span)


def then_pod(field: Fields, truth: Fields, mask: Places, settings: Settings) -> Fields:
    """Add the part of what sensors still miss that the modes of the training snapshots can say."""
    modes = settings.then
    left = truth - field + modes.mean
    return field + reconstruct_from_sensors(modes, left, mask, settings.then_ridge) - modes.mean


def physical(fields: FieldSet, scaled: Float[torch.Tensor, "n c h w"]) -> Fields:
    """Give the file's units, in double precision."""
    found: Fields = fields.physical(scaled.double()).numpy()
    return found


def measure(methods: Methods, budget: Budget) -> dict[str, Any]:
    """Give every method's mean relative error over the test snapshots: by method, number of sensors, and set of them.

    `within` is the share of the fluid's values that are within two standard deviations of what is reconstructed.
    """
    solid, truth = methods.parts.solid, methods.parts.physical(Split.TEST)
    errors: dict[str, dict[str, list[float]]] = {name: {} for name in METHODS}
    within: dict[str, dict[str, list[float]]] = {name: {} for name in (PIXELS, PIXELS_MULTI, POSTERIOR)}
    chosen = {}
    for count in budget.counts:
        settings = methods.choose(masks_of(count, budget.draws_to_choose, solid, CHOICE_SEED))
        chosen[str(count)] = settings.as_record()
        for mask in masks_of(count, budget.draws, solid, TEST_SEED):
            for name, one in methods.estimates(methods.parts.test, mask, settings).items():
                error = float(relative_error(truth, one.field, solid).mean())
                errors[name].setdefault(str(count), []).append(error)
                if name in within and one.deviation is not None:
                    inside = np.abs(one.field - truth) <= 2 * one.deviation
                    within[name].setdefault(str(count), []).append(float(inside[..., ~solid].mean()))
    return {"errors": errors, "within": within, "chosen": chosen}
