"""Evaluation of any latent-variable model: likelihoods with their provenance, use of the latents, neighbours."""

from latentia.evaluation.bits_per_dimension import (
    Bits,
    Difference,
    Provenance,
    bits_per_dimension,
    difference,
    nats_to_bits,
    require_comparable,
)
from latentia.evaluation.bound import BoundTerms, evaluate_bound
from latentia.evaluation.detection import DetectionCurve, OperatingPoint, detection_curve
from latentia.evaluation.importance import ImportanceEstimate, importance_weighted
from latentia.evaluation.latent_information import LatentInformation, divergence_per_dimension, latent_information
from latentia.evaluation.latent_usage import LayerUsage, UnitUsage, layer_usage, unit_usage
from latentia.evaluation.neighbours import Neighbours, nearest_neighbours
from latentia.evaluation.posterior import gaussian_posterior
from latentia.evaluation.teacher_forcing import TeacherForcingTerms, drop_prefix, teacher_forcing_terms

__all__ = [
    "Bits",
    "BoundTerms",
    "DetectionCurve",
    "Difference",
    "ImportanceEstimate",
    "LatentInformation",
    "LayerUsage",
    "Neighbours",
    "OperatingPoint",
    "Provenance",
    "TeacherForcingTerms",
    "UnitUsage",
    "bits_per_dimension",
    "detection_curve",
    "difference",
    "divergence_per_dimension",
    "drop_prefix",
    "evaluate_bound",
    "gaussian_posterior",
    "importance_weighted",
    "latent_information",
    "layer_usage",
    "nats_to_bits",
    "nearest_neighbours",
    "require_comparable",
    "teacher_forcing_terms",
    "unit_usage",
]
