"""The three methods that SPINDLE is compared with: FASTER, SCOPRISM and Autoscore (thesis A, 5.2 and 5.4.4).

Each is built from the thesis' description and what its paper says; where recordings of other laboratories demand it,
features are standardised per recording, and the docstrings say so. `base` says how a method is called and learned,
`features` how two EEGs are used, `model` how it is kept.
"""

from spindle.baselines.autoscore import Autoscore, GaussianNaiveBayes
from spindle.baselines.base import Baseline, Examples, Learned, learn
from spindle.baselines.faster import Faster
from spindle.baselines.features import EegUse
from spindle.baselines.model import (
    KINDS,
    BaselineModel,
    learn_model,
    load_baseline,
    packaged_baseline,
    save_baseline,
)
from spindle.baselines.scoprism import Scoprism, Thresholds

__all__ = [
    "KINDS",
    "Autoscore",
    "Baseline",
    "BaselineModel",
    "EegUse",
    "Examples",
    "Faster",
    "GaussianNaiveBayes",
    "Learned",
    "Scoprism",
    "Thresholds",
    "learn",
    "learn_model",
    "load_baseline",
    "packaged_baseline",
    "save_baseline",
]
