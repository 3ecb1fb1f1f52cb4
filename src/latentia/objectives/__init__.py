"""Objectives: pure functions of a model's terms, in nats; and weights of terms, which are small modules."""

from latentia.objectives.elbo import elbo
from latentia.objectives.free_bits import free_bits
from latentia.objectives.importance_bound import importance_weighted_log_likelihood
from latentia.objectives.schedules import cyclical_ramp, linear_ramp
from latentia.objectives.task_weights import FixedWeights, SoftAdapt, SoftAdaptVariant, TaskWeights

__all__ = [
    "FixedWeights",
    "SoftAdapt",
    "SoftAdaptVariant",
    "TaskWeights",
    "cyclical_ramp",
    "elbo",
    "free_bits",
    "importance_weighted_log_likelihood",
    "linear_ramp",
]
