"""The numbers of a scoring, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.scores import Scores
from spindle.summary import (
    in_plain_words,
    least_certain,
    rem_in_words,
    shares_over_time,
    state_probability,
    summarise,
)

from .examples import example_scores, one_state_scores


def scores_of(letters: str, artifacts: str = "") -> Scores:
    """A scoring from letters: w, n, r and "-" for unscored; artifacts marked by "x" below."""
    codes = np.array(["wnr".find(letter) for letter in letters], dtype=np.int8)
    flags = np.array([mark == "x" for mark in artifacts.ljust(len(letters))])
    return example_scores(len(letters), hypnogram=Hypnogram(codes=codes, artifact=flags))


def test_bouts_are_runs_of_one_state() -> None:
    wake, nrem, rem = summarise(scores_of("wwnnnrwwww")).states
    assert (wake.bouts, nrem.bouts, rem.bouts) == (2, 1, 1)
    assert (wake.mean_bout_s, wake.longest_bout_s) == (12.0, 16.0)
    assert (nrem.mean_bout_s, rem.mean_bout_s) == (12.0, 4.0)
    assert (wake.duration_s, nrem.duration_s, rem.duration_s) == (24.0, 12.0, 4.0)


def test_an_artifact_does_not_end_a_bout_but_an_unscored_epoch_does() -> None:
    assert summarise(scores_of("wwwww", "  x  ")).states[0].bouts == 1
    assert summarise(scores_of("ww-ww")).states[0].bouts == 2


def test_epoch_counts_agree_with_each_other() -> None:
    summary = summarise(scores_of("wn-r--w", "xx x  "))
    assert (summary.epochs, summary.scored, summary.unscored, summary.artifacts) == (7, 4, 3, 3)
    assert [(gap.start, gap.stop) for gap in summary.gaps] == [(2, 3), (4, 6)]
    assert summary.duration_s == 28.0
    assert sum(state.fraction for state in summary.states) == pytest.approx(1.0)


def test_a_day_of_bouts_is_counted_like_groups_of_neighbours() -> None:
    scores = example_scores(5000)
    groups = [(code, len(list(group))) for code, group in groupby(scores.hypnogram.codes.tolist())]
    for state in summarise(scores).states:
        lengths = [length for code, length in groups if code == state.stage.code]
        assert state.bouts == len(lengths)
        assert state.mean_bout_s == pytest.approx(4 * np.mean(lengths))


@pytest.mark.parametrize("stage", list(Stage))
def test_a_recording_of_one_state_has_a_summary(stage: Stage) -> None:
    summary = summarise(one_state_scores(stage, 10))
    shares = {state.stage: state.fraction for state in summary.states}
    assert shares == {each: float(each is stage) for each in STAGES}


def test_the_probability_is_that_of_the_chosen_state_even_where_another_is_higher() -> None:
    table = np.array([[0.2, 0.7, 0.1], [0.9, 0.1, 0.0], [np.nan] * 3])
    scores = replace(scores_of("wn-"), stage_probability=table)
    np.testing.assert_allclose(state_probability(scores), [0.2, 0.1, np.nan])


def test_the_least_certain_epochs_come_in_order_and_are_scored() -> None:
    scores = example_scores(400)
    chosen, probability = least_certain(scores, 20), state_probability(scores)
    assert len(chosen) == 20
    assert np.all(np.diff(probability[chosen]) >= 0)
    rest = np.delete(probability, chosen)
    assert np.nanmin(rest) >= probability[chosen].max()


def test_of_equally_certain_epochs_the_earlier_comes_first() -> None:
    assert least_certain(one_state_scores(Stage.NREM, 6), 3).tolist() == [0, 1, 2]


def test_nothing_is_least_certain_where_nothing_is_scored() -> None:
    assert least_certain(one_state_scores(Stage.UNSCORED, 5)).tolist() == []


def test_shares_over_time_count_every_epoch_where_it_begins() -> None:
    shares = shares_over_time(scores_of("wwnnr-"), 8.0)
    np.testing.assert_allclose(shares.fraction, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]])
    np.testing.assert_allclose(shares.edges_s, [0, 8, 16, 24])


def test_the_last_stretch_of_shares_may_be_shorter() -> None:
    shares = shares_over_time(scores_of("wwnnr"), 8.0)
    np.testing.assert_allclose(shares.edges_s, [0, 8, 16, 20])
    np.testing.assert_allclose(shares.fraction.sum(axis=1), 1.0)


def test_the_findings_in_words_name_every_number() -> None:
    table = np.full((10, 3), 0.05)
    codes = scores_of("wwwwwnnn-r").hypnogram.codes
    table[np.arange(10), np.maximum(codes, 0)] = 0.9
    table[0] = (0.7, 0.2, 0.1)
    table[8] = np.nan
    scores = replace(scores_of("wwwwwnnn-r", " xx"), stage_probability=table, artifact_threshold=0.6)
    text = " ".join(in_plain_words(scores))
    assert "mouse07.edf lasts 40 s, from Monday 4 March 2024, 08:00:00." in text
    assert "9 of its 10 epochs of 4 s were scored; 1 (4 s) was not" in text
    assert "awake for 55.6 %, in NREM sleep for 33.3 % and in REM sleep for 11.1 %." in text
    assert "2 epochs, 22.2 %, are marked as artifacts (probability above 0.6)" in text
    assert "One epoch, 11.1 %, got a state with a probability below 0.8" in text
    assert "starter model 1" in text


def test_the_findings_say_that_a_state_is_absent() -> None:
    assert "No epoch was scored as REM." in " ".join(in_plain_words(scores_of("wwnn")))


def test_the_findings_of_an_unscored_recording_give_no_shares() -> None:
    text = " ".join(in_plain_words(one_state_scores(Stage.UNSCORED, 3, start=None)))
    assert "its start is not known" in text
    assert "None of its 3 epochs" in text
    assert "%" not in text


def test_one_epoch_is_spoken_of_in_the_singular() -> None:
    assert "Its one epoch of 4 s was scored." in in_plain_words(one_state_scores(Stage.WAKE, 1))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("wwnn", "There was no bout of REM sleep."),
        ("wnrrrw", "There was one bout of REM sleep, of 12 s."),
        ("nrwnrrrw", "There were 2 bouts of REM sleep, 8 s long on average and 12 s at most."),
    ],
)
def test_rem_sleep_is_told_by_its_bouts(states: str, said: str) -> None:
    assert rem_in_words(scores_of(states)) == said
