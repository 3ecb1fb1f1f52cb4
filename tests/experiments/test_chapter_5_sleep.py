"""The experiment of chapter 5 follows the thesis' protocol, and its tables and figures say what was measured."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiments.chapter_5_sleep.__main__ import main
from experiments.chapter_5_sleep.comparison import agreement_of, errors, overlaps, pairs_that_agree
from experiments.chapter_5_sleep.kept import RIVALS, SCORERS, SOURCES, KeptAnimal, read_kept
from experiments.chapter_5_sleep.protocol import BUDGETS, run
from experiments.chapter_5_sleep.tables import KEYS, compare, markdown, published
from experiments.cohorts import arrays_file, checksum, split

from spindle.agreement import evaluate
from spindle.agreement_tables import as_dict
from spindle.errors import SettingError
from spindle.hypnogram import Hypnogram, Stage
from spindle.simulation.files import Plan

TABLE_5_5 = {"source": "A Table 5.5"}
W, N, R = Stage.WAKE, Stage.NREM, Stage.REM
FIELDS = {
    "experiment", "claim", "simulated", "budget", "seconds", "sources", "started", "config", "seed", "data_sha256",
    "source", "hardware", "libraries", "python", "rows", "animals", "errors", "seconds_per_recording", "scorer_tests",
    "differences",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole smoke run."""
    out = tmp_path_factory.mktemp("chapter_5")
    assert main(["--budget", "smoke", "--out", str(out), "--seed", "3"]) == 0
    return out


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "smoke.json").read_text(encoding="utf-8"))
    return content


def plans(budget: str) -> tuple[list[Plan], list[Plan]]:
    hours = BUDGETS[budget]
    return split(training_hours=hours.training_hours, test_hours=hours.test_hours, seed=0)


def animal(name: str, prediction: list[Stage], *experts: list[Stage]) -> dict[str, Any]:
    scored = Hypnogram.from_stages(prediction)
    evaluation = evaluate(
        scored, [Hypnogram.from_stages(labels) for labels in experts], network_probability=np.eye(3)[scored.codes]
    )
    return {"name": name, "cohort": name[0], "trained_on": False, "evaluation": as_dict(evaluation)}


def row_of(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    (found,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return found


def test_the_published_figures_are_complete() -> None:
    """Table 5.5: 4 cohorts, with and without decoding, 10 figures; 5.7: 4 × 4; 5.9: 4 × 3."""
    rows = published()
    assert Counter(row["source"] for row in rows) == {"A Table 5.5": 80, "A Table 5.7": 16, "A Table 5.9": 12}
    assert len({tuple(row[key] for key in KEYS) for row in rows}) == len(rows)
    assert all(0 < row["percent"] <= 100 for row in rows)
    assert all((row["deviation"] is not None) == (row["source"] == "A Table 5.5") for row in rows)


@pytest.mark.parametrize(
    ("wanted", "percent", "deviation"),
    [
        ({**TABLE_5_5, "cohort": "C", "decoding": "before", "metric": "recall", "state": "rem"}, 70, 16.8),
        ({**TABLE_5_5, "cohort": "C", "decoding": "after", "metric": "precision", "state": "wake"}, 81, 10.6),
        ({**TABLE_5_5, "cohort": "D", "decoding": "after", "metric": "f1", "state": "nrem"}, 97, 1.2),
        ({**TABLE_5_5, "cohort": "A", "decoding": "after", "metric": "accuracy"}, 99, 0.4),
        ({"source": "A Table 5.7", "cohort": "B", "comparison": "expert 2 vs spindle"}, 93.7, None),
        ({"source": "A Table 5.9", "cohort": "C", "comparison": "intersection vs spindle"}, 67.1, None),
    ],
)  # fmt: skip
def test_published_figures_are_those_of_the_thesis(
    wanted: dict[str, str], percent: float, deviation: float | None
) -> None:
    row = row_of(published(), **wanted)
    assert (row["percent"], row["deviation"]) == (percent, deviation)


def test_the_published_f1_scores_follow_from_precision_and_recall() -> None:
    """Their means over animals come close to it; a column in the wrong place would not."""
    rows = {tuple(row[key] for key in KEYS): row["percent"] for row in published()}
    for key, f1 in rows.items():
        if key[4] != "f1":
            continue
        precision, recall = (rows[*key[:4], metric, key[5]] for metric in ("precision", "recall"))
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=4)


def test_table_5_5_takes_mean_and_deviation_over_animals() -> None:
    animals = [
        animal("A3", [W, W, N, R], [W, W, N, R], [W, W, N, R]),
        animal("A4", [W, N, N, N], [W, W, N, N], [W, W, N, N]),
        {"name": "A1", "cohort": "A", "trained_on": True},
    ]
    rows = compare(animals)
    key = {**TABLE_5_5, "cohort": "A", "decoding": "after"}
    accuracy = row_of(rows, **key, metric="accuracy")
    assert (accuracy["ours"], accuracy["animals"]) == (pytest.approx(87.5), 2)
    assert accuracy["ours_deviation"] == pytest.approx(math.sqrt(2 * 12.5**2))
    assert row_of(rows, **key, metric="recall", state="wake")["ours"] == pytest.approx(75.0)


def test_a_state_that_an_animal_lacks_counts_for_the_others_alone() -> None:
    rows = compare([animal("A3", [W, R], [W, R], [W, R]), animal("A4", [W, N], [W, N], [W, N])])
    rem = row_of(rows, source="A Table 5.5", cohort="A", decoding="after", metric="recall", state="rem")
    assert (rem["ours"], rem["ours_deviation"], rem["animals"]) == (100.0, None, 1)
    assert row_of(rows, source="A Table 5.7", cohort="B", comparison="expert 1 vs expert 2")["ours"] is None


def test_table_5_7_counts_all_epochs_of_a_cohort_alike() -> None:
    rows = compare([animal("B1", [W] * 6, [W] * 6, [W] * 6), animal("B2", [W, W], [W, N], [W, R])])
    key = {"source": "A Table 5.7", "cohort": "B"}
    assert row_of(rows, **key, comparison="expert 1 vs spindle")["ours"] == pytest.approx(100 * 7 / 8)
    assert row_of(rows, **key, comparison="expert 1 vs expert 2")["ours"] == pytest.approx(100 * 7 / 8)
    assert row_of(rows, **key, comparison="intersection vs spindle")["ours"] == pytest.approx(100.0)


def test_table_5_9_counts_artifacts_of_a_cohort_together() -> None:
    marked = animal("A3", [W] * 4, [W] * 4, [W] * 4)
    for comparison, (both, either) in zip(
        marked["evaluation"]["comparisons"], ((1, 4), (2, 4), (3, 4), (4, 4)), strict=True
    ):
        comparison["artifacts"] = {"both": both, "either": either, "agreement": both / either}
    rows = compare([marked, {**marked, "name": "A4"}])
    shares = {row["comparison"]: row["ours"] for row in rows if row["source"] == "A Table 5.9" and row["cohort"] == "A"}
    assert shares == {
        "expert 1 vs spindle": 25.0,
        "expert 2 vs spindle": 50.0,
        "intersection vs spindle": 75.0,
        "expert 1 vs expert 2": 100.0,
    }


@pytest.mark.parametrize("budget", BUDGETS)
def test_two_mice_of_a_train_and_the_other_twenty_animals_are_scored(budget: str) -> None:
    training, test = plans(budget)
    assert [plan.name for plan in training] == ["simulated_A1", "simulated_A2"]
    assert Counter(plan.name[10] for plan in test) == {"A": 2, "B": 4, "C": 8, "D": 6}
    assert not {plan.seed for plan in training} & {plan.seed for plan in test}


def test_the_budgets_of_an_hour_and_of_the_paper_take_whole_days() -> None:
    for name in ("hour", "paper"):
        training, test = plans(name)
        assert {plan.seconds for plan in training + test} == {24 * 3600}


def test_a_run_writes_every_field_of_its_record(result: dict[str, Any]) -> None:
    assert set(result) == FIELDS
    assert result["simulated"] is True
    assert (result["budget"], result["seed"], len(result["rows"])) == ("smoke", 3, len(published()))
    assert len(result["animals"]) == len(result["data_sha256"]) == 22
    assert all(len(checksum) == 64 for checksum in result["data_sha256"].values())
    assert [animal["trained_on"] for animal in result["animals"]] == [True] * 2 + [False] * 20


def test_every_published_figure_gets_one_of_ours_or_none(result: dict[str, Any]) -> None:
    for row, printed in zip(result["rows"], published(), strict=True):
        assert (row["published"], row["cohort"]) == (printed["percent"], printed["cohort"])
        assert row["ours"] is None or 0 <= row["ours"] <= 100
        assert 0 <= row["animals"] <= {"A": 2, "B": 4, "C": 8, "D": 6}[row["cohort"]]


def test_the_tables_say_that_they_are_simulated_and_show_both_figures(folder: Path, result: dict[str, Any]) -> None:
    text = (folder / "smoke.md").read_text(encoding="utf-8")
    assert text == markdown(result)
    assert "SIMULATED" in text
    row = row_of(result["rows"], source="A Table 5.7", cohort="A", comparison="expert 1 vs spindle")
    assert f"97.7 / **{row['ours']:.1f}**" in text


def test_a_run_goes_on_with_what_is_finished(folder: Path, result: dict[str, Any]) -> None:
    work = folder / "work" / "smoke-seed3"
    kept, lost = (work / "animals" / f"simulated_{name}.json" for name in ("C1", "D6"))
    before = lost.read_text(encoding="utf-8")
    lost.unlink()
    kept.write_text(kept.read_text(encoding="utf-8").replace('"epochs"', '"mark": 1,\n "epochs"', 1), encoding="utf-8")
    animals = {animal["name"]: animal for animal in run(BUDGETS["smoke"], seed=3, work=work)}
    assert animals["simulated_C1"]["mark"] == 1
    assert lost.read_text(encoding="utf-8") == before
    assert animals["simulated_D6"] == result["animals"][-1]


def test_a_run_with_other_settings_is_not_mixed_in(folder: Path) -> None:
    with pytest.raises(SettingError, match="other settings"):
        run(BUDGETS["smoke"], seed=4, work=folder / "work" / "smoke-seed3")


def test_the_checksum_tells_plans_and_labels_apart() -> None:
    first, second, *_ = plans("smoke")[1]
    simulated = first.simulate()
    assert checksum(first, simulated) == checksum(first, first.simulate())
    assert checksum(first, simulated) != checksum(second, simulated)
    assert checksum(first, simulated) != checksum(first, second.simulate())


def kept(*, expert: list[int], scored: dict[str, list[int]], artifacts: tuple[int, ...] = ()) -> KeptAnimal:
    """An animal on which both experts agree; scorers who are not named agree with them."""
    epochs = len(expert)
    flags = np.isin(np.arange(epochs), artifacts)
    return KeptAnimal(
        name="simulated_C3",
        start=datetime(2021, 1, 1, 8),
        trained_on=False,
        codes=np.stack([np.array(scored.get(scorer, expert), dtype=np.int8) for scorer in SCORERS]),
        artifact=np.stack([flags, np.zeros(epochs, dtype=bool)]),
        artifact_probability=np.linspace(0, 1, epochs),
        stage_probability=np.full((epochs, 3), 1 / 3),
        frequencies_hz=np.arange(1, 51) / 2,
        power=np.ones((len(SOURCES), 3, 50)),
        seconds=np.arange(1.0, 2 + len(RIVALS)),
    )


def test_faster_is_judged_on_epochs_of_8_s_whose_halves_have_one_label() -> None:
    animal = kept(expert=[0, 0, 0, 1, 1, 1, 2], scored={"faster": [0, 0, 1, 1, 0, 0, 2]})
    assert pairs_that_agree(np.array([0, 0, 0, 1, 1, 1, 2])).tolist() == [True, True, False, False, True, True, False]
    assert agreement_of(animal, "faster").confusion.tolist() == [[2, 0, 0], [2, 0, 0], [0, 0, 0]]
    assert agreement_of(animal, "spindle").epochs == 7


def test_epochs_that_an_expert_calls_artifacts_count_for_no_method() -> None:
    animal = kept(expert=[0, 0, 1, 1], scored={"scoprism": [1, 0, 1, 1]}, artifacts=(0,))
    assert agreement_of(animal, "scoprism").accuracy == 1.0
    assert agreement_of(animal, "faster").epochs == 2


def test_error_rates_are_what_accuracy_and_f1_leave_of_a_hundred() -> None:
    table = errors([kept(expert=[0, 0, 0, 0, 1, 1, 1, 1], scored={"autoscore": [0, 0, 0, 0, 1, 1, 0, 0]})])
    rates = table[table["method"] == "autoscore"].set_index("state")["error_percent"]
    assert rates["all"] == pytest.approx(25.0)
    assert rates["wake"] == pytest.approx(100 - 80.0)
    assert rates["nrem"] == pytest.approx(100 * (1 - 2 / 3))
    assert np.isnan(rates["rem"])


def test_the_overlap_counts_who_is_right_on_each_epoch_of_8_s() -> None:
    animal = kept(
        expert=[0, 0, 1, 1, 2, 2, 1, 1],
        scored={"spindle": [0, 0, 1, 1, 2, 1, 0, 0], "faster": [0, 0, 0, 0, 2, 2, 0, 0]},
    )
    found = {one.state: one for one in overlaps([animal])}
    shares = [found["all"].both, found["all"].only_spindle, found["all"].only_faster, found["all"].neither]
    assert shares == [0.25, 0.25, 0.25, 0.25]
    assert (found["nrem"].epochs, found["nrem"].only_spindle, found["nrem"].neither) == (2, 0.5, 0.5)


def test_a_source_of_figure_5_12_has_its_own_artifacts() -> None:
    animal = kept(expert=[0] * 11, scored={}, artifacts=(3,))
    assert animal.seen_by("expert 1").artifact.sum() == 1
    assert animal.seen_by("spindle, clean above 0.5").artifact.tolist() == [False] * 5 + [True] * 6
    assert animal.seen_by("spindle, clean above 0.7").artifact.tolist() == [False] * 3 + [True] * 8


def test_figures_are_drawn_with_their_numbers(folder: Path) -> None:
    figures = folder / "figures" / "smoke"
    names = {path.stem for path in figures.glob("*.png")}
    assert names == {path.stem for path in figures.glob("*.svg")} == {path.stem for path in figures.glob("*.csv")}
    assert {name.split("_")[2] for name in names if name.startswith("figure_5")} == {
        "5", "6", "7", "8", "9", "10", "11", "12", "13",
    }  # fmt: skip
    animal = read_kept(arrays_file(folder / "work" / "smoke-seed3", "simulated_D6"))
    assert (animal.cohort, animal.trained_on, animal.codes.shape[0]) == ("D", False, len(SCORERS))


def test_the_rivals_learn_from_the_same_two_animals(folder: Path) -> None:
    learned = {path.stem for path in (folder / "work" / "smoke-seed3" / "rivals").glob("*.json")}
    assert learned == set(RIVALS)
