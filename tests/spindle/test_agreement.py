from __future__ import annotations

import csv
import json
import math
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from spindle.agreement import CATEGORIES, Agreement, Evaluation, evaluate, near_changes, state_agreement
from spindle.agreement_tables import as_dict, render, rows, write_evaluation_csv, write_evaluation_json
from spindle.errors import LabelError, OutputError
from spindle.hypnogram import STAGES, Hypnogram, Stage

STAGE_OF = {"w": Stage.WAKE, "n": Stage.NREM, "r": Stage.REM, "-": Stage.UNSCORED}


def scored(text: str) -> Hypnogram:
    """Build from letters, upper case for artifacts: "wWn" is wake, wake with an artifact, NREM."""
    codes = np.array([STAGE_OF[letter.lower()].code for letter in text], dtype=np.int8)
    return Hypnogram(codes=codes, artifact=np.array([letter.isupper() for letter in text]))


def agreement(reference: str, other: str) -> Agreement:
    return state_agreement(scored(reference).codes, scored(other).codes)


def comparison_titles(evaluation: Evaluation) -> list[str]:
    return [comparison.title for comparison in evaluation.comparisons]


@st.composite
def scorings(draw: st.DrawFn, count: int = 3, letters: str = "wnrWNR-") -> list[Hypnogram]:
    epochs = draw(st.integers(1, 40))
    text = st.text(alphabet=letters, min_size=epochs, max_size=epochs)
    return [scored(draw(text)) for _ in range(count)]


def test_metrics_of_a_hand_computed_case() -> None:
    #         reference  w w w w n n n r r r
    found = agreement("wwwwnnnrrr", "wwwnnnnrrw")
    np.testing.assert_array_equal(found.confusion, [[3, 1, 0], [0, 3, 0], [1, 0, 2]])
    assert found.accuracy == pytest.approx(8 / 10)
    wake, nrem, rem = (found.state(stage) for stage in STAGES)
    assert (wake.precision, wake.recall, wake.f1) == pytest.approx((3 / 4, 3 / 4, 3 / 4))
    assert (nrem.precision, nrem.recall, nrem.f1) == pytest.approx((3 / 4, 1.0, 6 / 7))
    assert (rem.precision, rem.recall, rem.f1) == pytest.approx((1.0, 2 / 3, 4 / 5))


@given(st.lists(st.integers(0, 50), min_size=9, max_size=9))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(counts: list[int]) -> None:
    found = Agreement(confusion=np.array(counts).reshape(3, 3))
    for stage in STAGES:
        state = found.state(stage)
        if state.precision > 0 and state.recall > 0:
            assert state.f1 == pytest.approx(2 / (1 / state.precision + 1 / state.recall))


def test_a_state_that_is_missing_on_one_or_both_sides_has_stated_values() -> None:
    reference_only = agreement("wwr", "www").state(Stage.REM)
    assert (reference_only.recall, reference_only.f1) == (0.0, 0.0)
    assert math.isnan(reference_only.precision)
    other_only = agreement("www", "wwr").state(Stage.REM)
    assert (other_only.precision, other_only.f1) == (0.0, 0.0)
    assert math.isnan(other_only.recall)
    neither = agreement("ww", "ww").state(Stage.REM)
    assert all(math.isnan(value) for value in (neither.precision, neither.recall, neither.f1))


def test_without_any_common_epoch_nothing_can_be_said() -> None:
    found = agreement("w-", "-w")
    assert found.epochs == 0
    assert math.isnan(found.accuracy)


@given(st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(any))
def test_kappa_is_that_of_other_peoples_programs(counts: list[int]) -> None:
    found = Agreement(confusion=np.array(counts).reshape(3, 3))
    first, second = (np.repeat(codes.ravel(), counts) for codes in np.indices((3, 3)))
    pairs = [(found.kappa, first, second)]
    pairs += [(found.state(stage).kappa, first == stage.code, second == stage.code) for stage in STAGES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of what is not defined
        for value, one, other in pairs:
            assert value == pytest.approx(cohen_kappa_score(one, other), nan_ok=True)


def test_kappa_of_a_table_in_statsmodels() -> None:
    confusion = np.array([[812, 40, 3], [25, 990, 11], [4, 17, 98]])
    assert Agreement(confusion=confusion).kappa == pytest.approx(cohens_kappa(confusion).kappa)


def test_kappa_of_independent_scorings_is_0_and_of_a_single_state_unknown() -> None:
    assert Agreement(confusion=np.outer([4, 2, 1], [1, 3, 2])).kappa == 0
    assert math.isnan(agreement("www", "www").kappa)


def test_the_two_epochs_at_a_change_are_near_it_and_a_gap_is_no_change() -> None:
    assert near_changes(scored("wwwnnnw").codes).astype(int).tolist() == [0, 0, 1, 1, 0, 1, 1]
    assert not near_changes(scored("ww-nn").codes).any()
    assert near_changes(np.zeros(0, dtype=np.int8)).size == 0


def test_epochs_near_a_change_of_the_reference_are_judged_apart() -> None:
    (found,) = evaluate(scored("wwwnnnn"), [scored("wwwwnnn")]).comparisons
    assert (found.near_changes.epochs, found.near_changes.accuracy) == (2, 0.5)
    assert (found.steady.epochs, found.steady.accuracy) == (5, 1.0)


def test_a_change_that_one_expert_alone_sees_is_near_for_the_intersection() -> None:
    both = evaluate(scored("wwwwww"), [scored("wwwwww"), scored("wwnwww")]).main
    assert (both.near_changes.epochs, both.steady.epochs) == (2, 3)


@given(scorings())
def test_epochs_near_changes_and_steady_ones_make_up_the_whole(sides: list[Hypnogram]) -> None:
    for comparison in evaluate(sides[0], sides[1:]).comparisons:
        parts = comparison.near_changes.confusion + comparison.steady.confusion
        np.testing.assert_array_equal(parts, comparison.states.confusion)


def test_agreement_over_all_epochs_counts_artifacts_as_a_state() -> None:
    #                     agree: 0 and 1, not in the state below an artifact (2), nor in an artifact (3)
    (found,) = evaluate(scored("wnWN"), [scored("wnNn")]).comparisons
    assert found.all_epochs == 3 / 4


def test_reliability_is_judged_against_what_the_experts_agree_on() -> None:
    probability = np.full((4, 3), 0.1)
    probability[:, 0] = 0.8
    one = evaluate(scored("wwww"), [scored("wwnW"), scored("wnnw")], stage_probability=probability).reliability
    assert one is not None
    assert (one.epochs, sum(part.right for part in one.bins)) == (2, 1)


def test_reliability_is_unknown_without_probabilities() -> None:
    unknown = np.full((2, 3), np.nan)
    assert evaluate(scored("wn"), [scored("wn")]).reliability is None
    assert evaluate(scored("wn"), [scored("wn")], stage_probability=unknown).reliability is None


def test_unscored_epochs_count_nowhere() -> None:
    found = agreement("wn-r", "w-nr")
    assert found.epochs == 2
    assert found.accuracy == 1.0


def test_artifact_agreement_is_intersection_over_union() -> None:
    (found,) = evaluate(scored("WWnnr"), [scored("WnNnr")]).comparisons
    assert (found.artifacts.both, found.artifacts.either) == (1, 3)
    assert found.artifacts.agreement == pytest.approx(1 / 3)


def test_artifact_agreement_is_unknown_where_nobody_marked_any() -> None:
    (found,) = evaluate(scored("wn"), [scored("wn")]).comparisons
    assert math.isnan(found.artifacts.agreement)


def test_states_are_compared_only_where_no_expert_marked_an_artifact() -> None:
    #            counted: 0, 3, 4 (1 is an artifact of expert 1, 2 of expert 2)
    evaluation = evaluate(scored("wnnrw"), [scored("wWnrn"), scored("wwNrw")])
    first, second, both, experts = evaluation.comparisons
    assert [part.states.epochs for part in (first, second, both, experts)] == [3, 3, 2, 3]
    assert first.states.accuracy == pytest.approx(2 / 3)
    assert second.states.accuracy == both.states.accuracy == 1.0
    assert experts.states.accuracy == pytest.approx(2 / 3)
    assert evaluation.main is both


def test_the_scorers_own_artifacts_do_not_excuse_its_states() -> None:
    (found,) = evaluate(scored("WwN"), [scored("nwn")]).comparisons
    assert found.states.epochs == 3
    assert found.states.accuracy == pytest.approx(2 / 3)


def test_artifacts_of_the_intersection_are_those_that_all_experts_marked() -> None:
    #                            both marked 0; the experts differ in 3, where spindle sees an artifact
    evaluation = evaluate(scored("WnnWr"), [scored("WWnwr"), scored("WnNnr")])
    both = evaluation.main
    assert (both.artifacts.both, both.artifacts.either) == (1, 2)


def test_artifacts_as_a_category_of_their_own() -> None:
    (found,) = evaluate(scored("WwnNr-"), [scored("WnnRRw")]).comparisons
    expected = np.zeros((4, 4), dtype=int)
    artifact, wake, nrem, rem = (CATEGORIES.index(name) for name in ("artifact", "wake", "nrem", "rem"))
    expected[artifact, artifact] = 2
    expected[nrem, wake] = 1
    expected[nrem, nrem] = 1
    expected[artifact, rem] = 1
    np.testing.assert_array_equal(found.categories, expected)


def test_one_expert_gives_one_comparison_and_three_give_all_pairs() -> None:
    prediction, *experts = [scored("wnr")] * 4
    assert comparison_titles(evaluate(prediction, experts[:1])) == ["expert 1 vs spindle"]
    assert comparison_titles(evaluate(prediction, experts)) == [
        "expert 1 vs spindle",
        "expert 2 vs spindle",
        "expert 3 vs spindle",
        "intersection vs spindle",
        "expert 1 vs expert 2",
        "expert 1 vs expert 3",
        "expert 2 vs expert 3",
    ]


def test_the_network_alone_is_judged_on_the_same_epochs_as_the_decoded_states() -> None:
    probability = np.array([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.1, 0.2, 0.7], [0.9, 0.1, 0.0], [np.nan] * 3])
    (found,) = evaluate(scored("wwr--"), [scored("wwrww")], network_probability=probability).comparisons
    assert found.before_decoding is not None
    assert found.before_decoding.epochs == found.states.epochs == 3
    assert found.before_decoding.accuracy == pytest.approx(2 / 3)
    assert found.states.accuracy == 1.0


def test_wrong_numbers_of_epochs_are_refused_with_both_counts() -> None:
    with pytest.raises(LabelError, match=r"Expert 2 scored 3 epochs, spindle 2\."):
        evaluate(scored("wn"), [scored("wn"), scored("wnr")])
    with pytest.raises(LabelError, match="at least one expert"):
        evaluate(scored("wn"), [])


@given(scorings(count=1, letters="wnrWNR"))
def test_identical_scorings_agree_wholly(sides: list[Hypnogram]) -> None:
    (one,) = sides
    evaluation = evaluate(one, [one, one])
    for comparison in evaluation.comparisons:
        assert comparison.states.accuracy == 1.0 or comparison.states.epochs == 0
        present = {stage for stage, flag in zip(one.stages, one.artifact, strict=True) if not flag}
        for stage in present:
            state = comparison.states.state(stage)
            assert (state.precision, state.recall, state.f1) == (1.0, 1.0, 1.0)
        assert comparison.artifacts.agreement == 1.0 or not one.artifact.any()
        assert np.trace(comparison.categories) == len(one)


@given(scorings(), st.integers(0, 2**32 - 1))
def test_the_order_of_epochs_matters_only_to_what_is_near_a_change(sides: list[Hypnogram], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(sides[0]))
    shuffled = [Hypnogram(codes=side.codes[order], artifact=side.artifact[order]) for side in sides]
    one, other = (as_dict(evaluate(each[0], each[1:]))["comparisons"] for each in (sides, shuffled))
    for comparison in (*one, *other):
        del comparison["by_place"]
    assert one == other


@given(scorings(count=2))
def test_agreement_is_symmetric_and_confusion_is_transposed(sides: list[Hypnogram]) -> None:
    first, second = sides
    (one,), (other,) = evaluate(first, [second]).comparisons, evaluate(second, [first]).comparisons
    assert one.artifacts == other.artifacts
    np.testing.assert_array_equal(one.categories, other.categories.T)
    plain, swapped = state_agreement(first.codes, second.codes), state_agreement(second.codes, first.codes)
    np.testing.assert_array_equal(plain.confusion, swapped.confusion.T)
    for stage in STAGES:
        assert plain.state(stage).precision == pytest.approx(swapped.state(stage).recall, nan_ok=True)
        assert plain.state(stage).f1 == pytest.approx(swapped.state(stage).f1, nan_ok=True)


@given(scorings())
def test_every_fraction_lies_within_0_and_1_or_is_unknown(sides: list[Hypnogram]) -> None:
    fractions = ("accuracy", "kappa", "precision", "recall", "f1", "artifact agreement", "agreement with artifacts")
    for row in rows(evaluate(sides[0], sides[1:])):
        value = float(row["value"])
        assert value >= (-1 if row["metric"] == "kappa" else 0) or math.isnan(value)
        assert value <= 1 or math.isnan(value) or row["metric"] not in fractions


@given(scorings())
def test_an_evaluation_of_anything_can_be_shown_and_saved(sides: list[Hypnogram]) -> None:
    evaluation = evaluate(sides[0], sides[1:], network_probability=np.full((len(sides[0]), 3), np.nan))
    console = Console(record=True, width=100, file=StringIO())
    console.print(*render(evaluation))
    assert "intersection vs spindle" in console.export_text()
    json.dumps(as_dict(evaluation), allow_nan=False)


@pytest.fixture
def example() -> Evaluation:
    probability = np.eye(3)[[0, 0, 1, 2, 1, 0, 1, 1]]
    experts = [scored("wwnrnWnn"), scored("wnnrNWnn")]
    return evaluate(scored("wwnrnwNn"), experts, network_probability=probability, stage_probability=probability)


def test_tables_show_percentages_of_the_same_figures(example: Evaluation) -> None:
    console = Console(record=True, width=120, file=StringIO())
    console.print(*render(example))
    text = console.export_text()
    assert f"{100 * example.main.states.accuracy:.1f}" in text
    assert "before decoding" in text
    assert "intersection ↓ spindle →" in text
    assert f"{example.main.states.kappa:.3f}" in text
    assert f"{100 * example.main.near_changes.accuracy:.1f}" in text
    assert "Expected calibration error" in text


def test_the_json_file_holds_every_figure(example: Evaluation, tmp_path: Path) -> None:
    write_evaluation_json(example, tmp_path / "evaluation.json")
    content = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert [part["reference"] for part in content["comparisons"]] == [
        "expert 1",
        "expert 2",
        "intersection",
        "expert 1",
    ]
    main = content["comparisons"][2]
    assert main["states"]["after"]["accuracy"] == pytest.approx(example.main.states.accuracy)
    assert main["states"]["before"]["rem"]["f1"] == 1.0
    assert main["states"]["after"]["kappa"] == pytest.approx(example.main.states.kappa)
    assert [main["by_place"][place]["epochs"] for place in ("near changes", "steady")] == [4, 1]
    assert content["reliability"]["epochs"] == main["states"]["after"]["epochs"] == 5
    assert main["artifacts"] == {"both": 0, "either": 2, "agreement": 0.0}
    assert sum(map(sum, main["confusion_with_artifacts"])) == 6


def test_the_csv_file_has_one_figure_per_line(example: Evaluation, tmp_path: Path) -> None:
    write_evaluation_csv(example, tmp_path / "evaluation.csv")
    with (tmp_path / "evaluation.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    keys = [tuple(line[name] for name in ("comparison", "decoding", "epochs", "metric", "state")) for line in lines]
    assert len(set(keys)) == len(keys) == len(rows(example))
    values = dict(zip(keys, (line["value"] for line in lines), strict=True))
    found = values["intersection vs spindle", "after", "all", "accuracy", ""]
    assert float(found) == pytest.approx(example.main.states.accuracy)
    assert values["expert 1 vs expert 2", "after", "all", "confusion", "wake as nrem"] == "1"


def test_an_evaluation_cannot_be_saved_into_a_missing_folder(example: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        write_evaluation_json(example, tmp_path / "absent" / "evaluation.json")
