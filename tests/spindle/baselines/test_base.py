"""What holds for every method: it learns, scores, ignores units, and knows what it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spindle.agreement import state_agreement
from spindle.baselines import KINDS, EegUse, Learned, learn
from spindle.baselines.base import Examples, Labelled, codes_of, examples_of
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram, agreed_codes

from .conftest import noise, scaled


@pytest.fixture(scope="session", params=list(KINDS))
def learned(request: pytest.FixtureRequest, teachers: list[Labelled]) -> Learned:
    return learn(KINDS[request.param], teachers)


def test_an_ordinary_simulated_mouse_is_scored_well(learned: Learned, judge: Labelled) -> None:
    signals, experts = judge
    assert state_agreement(agreed_codes(experts), codes_of(learned.method.score(signals))).accuracy > 0.8


def test_the_way_to_use_two_eegs_is_the_best_of_five(learned: Learned) -> None:
    assert set(learned.mean_f1) == set(EegUse)
    assert learned.mean_f1[learned.method.use] == max(learned.mean_f1.values())


def test_units_change_nothing(learned: Learned, judge: Labelled) -> None:
    signals = judge[0]
    other = learned.method.score(scaled(signals, 1e-6, 1e3))
    assert (codes_of(other) == codes_of(learned.method.score(signals))).mean() > 0.99


@pytest.mark.parametrize("use", EegUse)
def test_probabilities_sum_to_1_and_unusable_epochs_are_unscored(learned: Learned, use: EegUse) -> None:
    signals = noise(101, gap=slice(40, 43))
    method = next(learned.method.candidates([example(learned, use)], use))
    found = method.score(signals)
    assert found.shape == (101, 3)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), ~signals.usable)
    np.testing.assert_allclose(found[signals.usable].sum(axis=1), 1, rtol=1e-5)
    if not learned.method.gives_probabilities:
        assert set(np.unique(found[signals.usable])) <= {0.0, 1.0}


def example(learned: Learned, use: EegUse) -> Examples:
    signals = noise(60, seed=5)
    hypnogram = Hypnogram(codes=(np.arange(60) // 5 % 3).astype(np.int8), artifact=np.zeros(60, dtype=bool))
    return examples_of(learned.method.extract(signals, use), [hypnogram], signals.usable)


def test_scoring_again_gives_the_same(learned: Learned, judge: Labelled) -> None:
    np.testing.assert_array_equal(learned.method.score(judge[0]), learned.method.score(judge[0]))


def test_one_usable_epoch_can_be_scored(learned: Learned) -> None:
    assert np.isfinite(learned.method.score(noise(1))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_with_one_eeg_there_is_one_way(kind: str, teachers: list[Labelled]) -> None:
    signals, experts = teachers[0]
    alone = replace(signals, eeg=(signals.eeg[0], signals.eeg[0]))
    assert set(learn(KINDS[kind], [(alone, experts)]).mean_f1) == {EegUse.FIRST}


def test_only_epochs_on_which_clean_experts_agree_teach() -> None:
    signals = noise(4, gap=slice(3, 4))
    first = Hypnogram(codes=np.array([0, 1, 2, 0], dtype=np.int8), artifact=np.array([False, False, False, False]))
    second = Hypnogram(codes=np.array([0, 2, 2, 0], dtype=np.int8), artifact=np.array([False, False, True, False]))
    assert examples_of(np.zeros((4, 1)), [first, second], signals.usable).codes.tolist() == [0, -1, -1, -1]


def test_labels_of_another_length_are_refused_with_both_counts() -> None:
    short = Hypnogram(codes=np.zeros(3, dtype=np.int8), artifact=np.zeros(3, dtype=bool))
    with pytest.raises(LabelError, match=r"4 epochs.*3"):
        learn(KINDS["scoprism"], [(noise(4), [short])])
    with pytest.raises(LabelError, match="at least one expert"):
        learn(KINDS["scoprism"], [(noise(4), [])])


def test_a_state_that_the_labels_lack_is_named() -> None:
    only_sleep = Hypnogram(codes=np.ones(20, dtype=np.int8), artifact=np.zeros(20, dtype=bool))
    with pytest.raises(SettingError, match="no wake and no rem"):
        learn(KINDS["autoscore"], [(noise(20), [only_sleep])])
    with pytest.raises(SettingError, match="there is none"):
        learn(KINDS["autoscore"], [])
