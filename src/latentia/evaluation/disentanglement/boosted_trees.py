"""Gradient-boosted trees of scikit-learn, which say how much each latent matters: `latentia[disentanglement]`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from latentia.errors import SettingError
from latentia.evaluation.disentanglement.codes import Codes
from latentia.evaluation.disentanglement.prediction import Prediction


@dataclass(frozen=True, kw_only=True)
class BoostedTrees:
    """Classify by `trees` rounds of trees of a given depth; importance is the share of the impurity that cuts remove.

    The defaults are scikit-learn's, which Locatello et al. (2019) used. Time grows with rounds × values of the factor
    × examples: minutes for 10,000 examples of shapes. `seed` decides the order in which equally good cuts are tried.
    """

    trees: int = 100
    depth: int = 3
    seed: int = 0

    def __call__(
        self,
        codes: Codes,
        values: Int64[np.ndarray, " n"],
        test_codes: Float[np.ndarray, "tests latents"],
        test_values: Int64[np.ndarray, " tests"],
    ) -> Prediction:
        """Fit and predict. Errors: SettingError without scikit-learn."""
        try:
            from sklearn.ensemble import GradientBoostingClassifier
        except ModuleNotFoundError as error:
            raise SettingError(
                'DCI by boosted trees needs scikit-learn: pip install "latentia[disentanglement]".'
            ) from error
        model = GradientBoostingClassifier(n_estimators=self.trees, max_depth=self.depth, random_state=self.seed)
        model.fit(codes, values)
        return Prediction(
            importance=np.asarray(model.feature_importances_),
            accuracy=float(np.mean(model.predict(test_codes) == test_values)),
        )
