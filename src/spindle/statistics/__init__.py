"""Statistics between groups of animals, and between scorers of the same animals (thesis A, 5.4.5).

Tables are long: a row is one value of one animal, in columns `animal`, `group`, `value` and, where values repeat over
the hours of a day or over frequencies, `bin`. The animal is the unit: bins and epochs of one animal are not further
animals. `two_way_anova` and `compare_scorers(thesis=True)` do as the thesis did and treat them as if they were.
"""

from spindle.statistics.bins import BinTest, BinTests, per_bin_tests
from spindle.statistics.cohort import CORRECTIONS, GroupSummary
from spindle.statistics.groups import GroupComparison, PairComparison, compare_groups
from spindle.statistics.mixed import mixed_model
from spindle.statistics.repeated import GroupDifference, RepeatedMeasures, Term, two_way_anova
from spindle.statistics.scorers import ScorerComparison, ScorerPair, compare_scorers
from spindle.statistics.two_samples import EffectSize, FTest, TTest

__all__ = [
    "CORRECTIONS",
    "BinTest",
    "BinTests",
    "EffectSize",
    "FTest",
    "GroupComparison",
    "GroupDifference",
    "GroupSummary",
    "PairComparison",
    "RepeatedMeasures",
    "ScorerComparison",
    "ScorerPair",
    "TTest",
    "Term",
    "compare_groups",
    "compare_scorers",
    "mixed_model",
    "per_bin_tests",
    "two_way_anova",
]
