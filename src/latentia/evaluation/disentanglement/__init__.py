"""How well single latents stand for single factors: six metrics as functions of codes and factors, of any encoder.

`codes` are numbers, one row for each example, such as the means of its posterior; `factors` are the whole numbers that
the examples were made from. Every metric asks another question, and none is the truth: see each module.
"""

from latentia.evaluation.disentanglement.beta_vae_score import BetaVaeScore, beta_vae_score
from latentia.evaluation.disentanglement.boosted_trees import BoostedTrees
from latentia.evaluation.disentanglement.dci import Dci, dci
from latentia.evaluation.disentanglement.factor_vae_score import FactorVaeScore, factor_vae_score
from latentia.evaluation.disentanglement.modularity import Modularity, modularity
from latentia.evaluation.disentanglement.mutual_information_gap import MutualInformationGap, mutual_information_gap
from latentia.evaluation.disentanglement.prediction import Prediction, Predictor
from latentia.evaluation.disentanglement.scores import DisentanglementScores, measure_all
from latentia.evaluation.disentanglement.separated_attribute import (
    SeparatedAttributes,
    separated_attribute_predictability,
)

__all__ = [
    "BetaVaeScore",
    "BoostedTrees",
    "Dci",
    "DisentanglementScores",
    "FactorVaeScore",
    "Modularity",
    "MutualInformationGap",
    "Prediction",
    "Predictor",
    "SeparatedAttributes",
    "beta_vae_score",
    "dci",
    "factor_vae_score",
    "measure_all",
    "modularity",
    "mutual_information_gap",
    "separated_attribute_predictability",
]
