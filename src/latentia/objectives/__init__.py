"""Objectives: pure functions of a model's terms, in nats."""

from latentia.objectives.elbo import elbo
from latentia.objectives.free_bits import free_bits
from latentia.objectives.importance_bound import importance_weighted_log_likelihood
from latentia.objectives.schedules import linear_ramp

__all__ = ["elbo", "free_bits", "importance_weighted_log_likelihood", "linear_ramp"]
