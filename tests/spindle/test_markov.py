from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spindle.errors import SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.markov import FORBIDDEN, Transitions, posterior, viterbi

WAKE, NREM, REM = 0, 1, 2
THESIS = [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, 1 / 2]]

probability = st.floats(0.01, 1.0)
row = st.tuples(probability, probability, probability)


@st.composite
def chains(draw: st.DrawFn) -> Transitions:
    """Chains with some impossible transitions, where every state keeps at least one successor."""
    matrix = np.array([draw(row) for _ in range(3)])
    for source in range(3):
        for target in draw(st.sets(st.integers(0, 2), max_size=2)):
            matrix[source, target] = 0.0
    initial = np.array(draw(row))
    return Transitions(matrix=matrix / matrix.sum(axis=1, keepdims=True), initial=initial / initial.sum())


@st.composite
def evidences(draw: st.DrawFn, max_epochs: int = 6) -> NDArray[np.float64]:
    """Log-likelihoods of short recordings; some epochs are unobserved."""
    rows = draw(st.lists(st.none() | row, min_size=1, max_size=max_epochs))
    return np.log(np.array([(np.nan,) * 3 if item is None else item for item in rows]))


def paths(log_likelihood: NDArray[np.float64], chain: Transitions) -> dict[tuple[int, ...], float]:
    """Probability of every sequence of states with the evidence, by the definition of a Markov chain."""
    likelihood = np.where(np.isnan(log_likelihood), 1.0, np.exp(log_likelihood))
    joint = {}
    for states in itertools.product(range(3), repeat=len(likelihood)):
        value = chain.initial[states[0]] * likelihood[0, states[0]]
        for epoch, (before, after) in enumerate(itertools.pairwise(states), start=1):
            value *= chain.matrix[before, after] * likelihood[epoch, after]
        joint[states] = float(value)
    return joint


@given(evidences(), chains())
def test_viterbi_finds_the_most_probable_of_all_sequences(evidence: NDArray[np.float64], chain: Transitions) -> None:
    joint = paths(evidence, chain)
    found = tuple(viterbi(evidence, chain).tolist())
    assert joint[found] == pytest.approx(max(joint.values()), rel=1e-9)


@given(evidences(max_epochs=5), chains())
def test_posterior_is_the_share_of_all_sequences_through_each_state(
    evidence: NDArray[np.float64], chain: Transitions
) -> None:
    joint = paths(evidence, chain)
    total = sum(joint.values())
    expected = np.zeros((len(evidence), 3))
    for states, value in joint.items():
        expected[np.arange(len(evidence)), states] += value / total
    np.testing.assert_allclose(posterior(evidence, chain), expected, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0.01, 5.0))
def test_viterbi_never_returns_a_forbidden_transition(seed: int, epochs: int, sharpness: float) -> None:
    generator = np.random.default_rng(seed)
    evidence = np.log(generator.dirichlet([sharpness] * 3, epochs) + 1e-300)
    evidence[generator.random(epochs) < 0.1] = np.nan
    codes = viterbi(evidence)
    seen = set(itertools.pairwise(codes.tolist()))
    assert not seen & {(source.code, target.code) for source, target in FORBIDDEN}


@given(st.lists(st.sampled_from([WAKE, NREM, REM]), min_size=1, max_size=60))
@example([WAKE, REM, NREM, WAKE, REM])
def test_certain_evidence_for_impossible_sequences_still_gives_possible_ones(certain: list[int]) -> None:
    with np.errstate(divide="ignore"):
        evidence = np.log(np.eye(3)[certain])
    codes = viterbi(evidence).tolist()
    seen = set(itertools.pairwise(codes))
    assert not seen & {(WAKE, REM), (REM, NREM)}
    wanted = set(itertools.pairwise(certain))
    if not wanted & {(WAKE, REM), (REM, NREM)}:
        assert codes == certain
    gamma = posterior(evidence)
    assert np.isfinite(gamma).all()
    np.testing.assert_allclose(gamma.sum(axis=1), 1.0)


def test_an_unobserved_epoch_between_two_is_decided_by_its_neighbours() -> None:
    sure_nrem, sure_rem = [-30.0, 0.0, -30.0], [-30.0, -30.0, 0.0]
    evidence = np.array([sure_nrem, [np.nan] * 3, sure_rem])
    # NREM-NREM-REM has 1/3·1/3, NREM-REM-REM has 1/3·1/2, NREM-WAKE-REM is impossible.
    np.testing.assert_allclose(posterior(evidence)[1], [0, 2 / 5, 3 / 5], atol=1e-9)
    assert viterbi(evidence).tolist() == [NREM, REM, REM]


def test_a_recording_without_any_signal_follows_the_chain_alone() -> None:
    evidence = np.full((50, 3), np.nan)
    chain = Transitions(initial=np.array([1.0, 0.0, 0.0]))
    expected = np.array([np.linalg.matrix_power(chain.matrix, epoch)[0] for epoch in range(50)])
    np.testing.assert_allclose(posterior(evidence, chain), expected, atol=1e-12)
    assert viterbi(evidence, chain).tolist() == [WAKE] * 50


def test_a_partly_unknown_epoch_counts_as_unobserved() -> None:
    known = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]))
    partly, wholly = known.copy(), known.copy()
    partly[1, 0] = np.nan
    wholly[1] = np.nan
    np.testing.assert_array_equal(posterior(partly), posterior(wholly))


@pytest.mark.parametrize("epochs", [0, 1])
def test_recordings_of_no_or_one_epoch_are_decoded(epochs: int) -> None:
    evidence = np.log(np.array([[0.2, 0.7, 0.1]]))[:epochs]
    assert viterbi(evidence).tolist() == [NREM] * epochs
    np.testing.assert_allclose(posterior(evidence), np.exp(evidence))


@pytest.mark.parametrize("state", [WAKE, NREM, REM])
def test_recordings_of_a_single_state_keep_it(state: int) -> None:
    evidence = np.log(np.where(np.arange(3) == state, 0.98, 0.01))[None].repeat(500, axis=0)
    assert set(viterbi(evidence).tolist()) == {state}
    assert (posterior(evidence).argmax(axis=1) == state).all()


def test_long_recordings_do_not_underflow() -> None:
    generator = np.random.default_rng(0)
    evidence = np.log(generator.dirichlet([0.2] * 3, 50_000) + 1e-300) - 600.0
    codes, gamma = viterbi(evidence), posterior(evidence)
    assert len(codes) == len(gamma) == 50_000
    assert np.isfinite(gamma).all()
    np.testing.assert_allclose(gamma.sum(axis=1), 1.0, atol=1e-12)
    # Far from both ends nothing of them is left, so a piece decodes as the whole does.
    np.testing.assert_allclose(posterior(evidence[20_000:20_400])[100:300], gamma[20_100:20_300], atol=1e-6)


def test_an_absorbing_chain_weighs_the_evidence_of_the_whole_recording() -> None:
    frozen = Transitions(matrix=np.eye(3))
    evidence = np.zeros((3000, 3))
    evidence[:1000] = [0.0, -60.0, -60.0]
    evidence[1000:] = [-60.0, 0.0, -60.0]
    assert set(viterbi(evidence, frozen).tolist()) == {NREM}
    np.testing.assert_allclose(posterior(evidence, frozen), np.tile([0.0, 1.0, 0.0], (3000, 1)), atol=1e-12)


@given(evidences(), st.floats(-500, 500))
def test_a_constant_factor_of_an_epochs_likelihood_changes_nothing(evidence: NDArray[np.float64], shift: float) -> None:
    shifted = evidence + shift * np.arange(len(evidence))[:, None]
    np.testing.assert_allclose(posterior(shifted), posterior(evidence), atol=1e-9)


def test_an_epoch_that_no_state_explains_counts_as_unobserved() -> None:
    evidence = np.log(np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]))
    nothing, unknown = np.insert(evidence, 1, -np.inf, axis=0), np.insert(evidence, 1, np.nan, axis=0)
    np.testing.assert_array_equal(posterior(nothing), posterior(unknown))


def test_the_default_chain_is_the_thesis_own() -> None:
    chain = Transitions()
    np.testing.assert_allclose(chain.matrix, THESIS)
    np.testing.assert_allclose(chain.initial, [1 / 3] * 3)


def test_learning_counts_transitions_and_never_crosses_unscored_epochs() -> None:
    w, n, r, gap = Stage.WAKE, Stage.NREM, Stage.REM, Stage.UNSCORED
    labels = [Hypnogram.from_stages([w, w, n, n, n, r, gap, n, w]), Hypnogram.from_stages([r, w])]
    chain = Transitions.learn(labels, pseudo_count=0.0)
    np.testing.assert_allclose(chain.matrix, [[1 / 2, 1 / 2, 0], [1 / 4, 2 / 4, 1 / 4], [1, 0, 0]])
    np.testing.assert_allclose(chain.initial, [4 / 10, 4 / 10, 2 / 10])


def test_learning_keeps_forbidden_transitions_forbidden_unless_told() -> None:
    labels = [Hypnogram.from_stages([Stage.WAKE, Stage.REM, Stage.NREM])]
    kept = Transitions.learn(labels, pseudo_count=1.0)
    np.testing.assert_allclose(kept.matrix, THESIS)
    free = Transitions.learn(labels, pseudo_count=0.0, forbidden=())
    np.testing.assert_allclose(free.matrix, [[0, 0, 1], [1 / 3] * 3, [0, 1, 0]])


def test_learning_from_nothing_gives_the_default() -> None:
    chain = Transitions.learn([], pseudo_count=0.0)
    np.testing.assert_allclose(chain.matrix, THESIS)
    np.testing.assert_allclose(chain.initial, [1 / 3] * 3)


def test_a_negative_pseudo_count_is_refused() -> None:
    with pytest.raises(SettingError, match=r"-1"):
        Transitions.learn([], pseudo_count=-1.0)


def test_learning_recovers_the_chain_that_made_the_labels() -> None:
    generator = np.random.default_rng(1)
    truth = np.array([[0.95, 0.05, 0.0], [0.04, 0.93, 0.03], [0.1, 0.0, 0.9]])
    codes = [0]
    for _ in range(40_000):
        codes.append(int(generator.choice(3, p=truth[codes[-1]])))
    labels = Hypnogram(codes=np.array(codes), artifact=np.zeros(len(codes), dtype=bool))
    np.testing.assert_allclose(Transitions.learn([labels]).matrix, truth, atol=0.02)


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        ([[0.5, 0.4, 0], [1 / 3] * 3, [0.5, 0, 0.5]], "wake.*0.5, 0.4, 0 sum to 0.9"),
        ([[0.5, 0.5, 0], [1.5, -0.5, 0], [0.5, 0, 0.5]], "nrem.*1.5, -0.5, 0"),
        ([[0.5, 0.5, 0], [1 / 3] * 3, [np.nan, 0, 1]], "rem.*nan, 0, 1"),
    ],
)
def test_a_row_that_is_no_distribution_is_refused_by_name(matrix: list[list[float]], found: str) -> None:
    with pytest.raises(SettingError, match=found):
        Transitions(matrix=np.array(matrix))


@pytest.mark.parametrize(
    "text",
    [
        "[[0.5, 0.5, 0], [0.5, 0.499, 0.001], [0.1, 0, 0.9]]",
        '{"matrix": [[0.5, 0.5, 0], [0.5, 0.499, 0.001], [0.1, 0, 0.9]]}',
        "0.5,0.5,0\n0.5,0.499,0.001\n0.1,0,0.9\n",
        "0.5 0.5 0\r\n0.5 0.499 0.001\r\n0.1 0 0.9",
        "0,5;0,5;0\n0,5;0,499;0,001\n0,1;0;0,9\n",
    ],
)
def test_a_matrix_is_read_from_json_and_from_tables(text: str, tmp_path: Path) -> None:
    path = tmp_path / "transitions.txt"
    path.write_text(text, encoding="utf-8")
    chain = Transitions.from_file(path)
    np.testing.assert_allclose(chain.matrix, [[0.5, 0.5, 0], [0.5, 0.499, 0.001], [0.1, 0, 0.9]])


@given(chains())
def test_a_chain_survives_its_json(chain: Transitions) -> None:
    again = Transitions.parse(chain.to_json())
    np.testing.assert_array_equal(again.matrix, chain.matrix)
    np.testing.assert_array_equal(again.initial, chain.initial)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,0\n0,1",
        "a,b,c\nd,e,f\ng,h,i",
        "[[1,0,0],[0,1]]",
        "[1, 2",
        "{}",
        "[" * 100_000,
        '{"matrix": 1}',
        "[1e999]",
    ],
)
def test_a_file_without_a_matrix_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=r"mine\.csv.*3"):
        Transitions.from_file(path)


def test_a_missing_or_binary_matrix_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no transition matrix at .*absent\.csv"):
        Transitions.from_file(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(SettingError, match=r"binary\.csv is not a text file"):
        Transitions.from_file(tmp_path / "binary.csv")


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(max_size=3), st.lists).map(json.dumps))
def test_no_text_gives_anything_but_a_chain_or_a_setting_error(text: str) -> None:
    try:
        chain = Transitions.parse(text)
    except SettingError:
        return
    assert chain.matrix.shape == (len(STAGES), len(STAGES))


@pytest.mark.real_data
def test_the_chain_of_a_real_mouse_stays_in_its_states(real_data: Path) -> None:
    with np.load(real_data / "sleep" / "mouse_zfhx3_bandpower_4s.npz", allow_pickle=False) as file:
        stage, time_s = file["stage"], file["time_s"]
    codes = np.select([np.isin(stage, [1, 11]), np.isin(stage, [2, 12]), stage == 3], [WAKE, NREM, REM], default=-1)
    after_gap = np.flatnonzero(np.diff(time_s) > 6.0) + 1
    pieces = np.split(codes.astype(np.int8), after_gap)
    labels = [Hypnogram(codes=piece, artifact=np.zeros(len(piece), dtype=bool)) for piece in pieces]
    chain = Transitions.learn(labels)
    assert (np.diag(chain.matrix) > 0.8).all()
    assert chain.matrix[WAKE, REM] == chain.matrix[REM, NREM] == 0.0
