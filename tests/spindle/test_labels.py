from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spindle.edf import write_annotations
from spindle.errors import LabelError, OutputError, SettingError, SpindleError
from spindle.hypnogram import Hypnogram, Stage
from spindle.labels import read_labels, write_published_labels
from spindle.recording import Annotation

W, N, R, X = Stage.WAKE, Stage.NREM, Stage.REM, Stage.UNSCORED

one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def save(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def read_one(path: Path, **settings: float) -> Hypnogram:
    (hypnogram,) = read_labels(path, epoch_s=settings.get("epoch_s", 4.0))
    return hypnogram


def check(hypnogram: Hypnogram, stages: list[Stage], artifacts: list[int] | None = None) -> None:
    assert hypnogram.stages == stages
    assert np.flatnonzero(hypnogram.artifact).tolist() == (artifacts or [])


# The published two-expert table


def test_the_published_table_gives_one_hypnogram_per_expert(tmp_path: Path) -> None:
    first, second = read_labels(save(tmp_path, "0,w,w\n1,n,1\n2,2,n\n3,3,r\n4,w,x\n5,w,q\n"))
    check(first, [W, N, N, R, W, W], [2, 3])
    check(second, [W, W, N, R, X, X], [1])


@pytest.mark.parametrize(
    "text",
    [
        "1,w,n\n2,r,3\n",
        "1;w;n\r\n2;r;3\r\n",
        "1\tw\tn\n2\tr\t3",
        "\ufeff1,w,n\n2,r,3\n\n",
        '"1","w","n"\n"2","r","3"\n',
        "1, W, N\n2, R, 3\n",
    ],
)
def test_the_published_table_is_read_as_spreadsheets_write_it(text: str, tmp_path: Path) -> None:
    first, second = read_labels(save(tmp_path, text))
    check(first, [W, R])
    check(second, [N, R], [1])


def test_a_table_of_mostly_unknown_labels_is_no_table_of_labels(tmp_path: Path) -> None:
    rows = "".join(f"{epoch},0.97\n" for epoch in range(100))
    with pytest.raises(LabelError, match=r"labels\.csv is no table of labels: 100 of 100 .* '0\.97'"):
        read_labels(save(tmp_path, rows))
    half = "".join(f"{epoch},{'w' if epoch % 2 else 'f'}\n" for epoch in range(100))
    check(read_one(save(tmp_path, half)), [X, W] * 50)


def test_a_word_in_the_published_table_is_an_unknown_label_and_a_strange_letter_is_none(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("0,w,w\n1,n,q\n2,n,n\n")
    assert read_labels(path)[1].stages == [Stage.WAKE, Stage.UNSCORED, Stage.NREM]
    path.write_text("0,w,w\n1,n,banana\n2,n,n\n")
    with pytest.raises(LabelError, match=r"labels.csv, line 2: the label 'banana' is unknown"):
        read_labels(path)


@pytest.mark.parametrize("numbers", [(0, 1, 3), (0, 0, 1), (2, 1, 0)])
def test_a_missing_or_doubled_line_of_the_published_table_is_refused(
    numbers: tuple[int, int, int], tmp_path: Path
) -> None:
    text = "".join(f"{number},w,w\n" for number in numbers)
    with pytest.raises(LabelError, match=r"labels\.csv, line [23]: the number is \d, where \d should follow"):
        read_labels(save(tmp_path, text))


# spindle's own table


def test_own_table_is_read_by_its_column_names(tmp_path: Path) -> None:
    text = "artifact,stage,epoch,start_s\n0,wake,0,0\n1,nrem,1,2.5\n0,unscored,2,5\n"
    check(read_one(save(tmp_path, text), epoch_s=2.5), [W, N, X], [1])


def test_own_table_made_by_hand_needs_a_column_of_stages_only(tmp_path: Path) -> None:
    check(read_one(save(tmp_path, "Stage\nW\nN2\nREM sleep\nNREM artifact\n?\n")), [W, N, R, N, X], [3])


def test_own_table_of_another_epoch_length_is_refused(tmp_path: Path) -> None:
    text = "epoch,start_s,stage\n0,0,wake\n1,2,wake\n"
    with pytest.raises(LabelError, match=r"line 3: epoch 1 starts at 2 s; with epochs of 4 s it would start at 4 s"):
        read_labels(save(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stage\nwake\nnremm\n", r"labels\.csv, line 3: the label 'nremm' is unknown\. Known are wake"),
        ("epoch,stage\n0,wake\n2,wake\n", r"line 3: the epoch is 2, where 1 should follow"),
        ("epoch,stage\n0,wake\none,wake\n", r"line 3: 'one' is not a number"),
        ("epoch,stage\n0,wake\n1.5,wake\n", r"line 3: '1\.5' is not a whole number"),
        ("stage,artifact\nwake,maybe\n", r"line 2: artifact is 'maybe'"),
        ("stage\nwake\n\nwake\n", r"line 3: an empty line"),
        ("epoch,stage\n0,wake\n1\n", r"line 3: 1 columns, where the first line has 2"),
        ("epoch,stage\n", r"a header and no labels"),
    ],
)
def test_a_faulty_line_is_named(text: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=found):
        read_labels(save(tmp_path, text))


# AccuSleePy


@pytest.mark.parametrize(
    "text",
    ["brain_state\n1\n2\n3\n-1\n0\n", "brain_state,confidence_score\n1.0,0.9\n2,0.8\n3,1\n-1,0.1\n0,0\n"],
)
def test_accusleepy_digits_become_states(text: str, tmp_path: Path) -> None:
    check(read_one(save(tmp_path, text), epoch_s=2.5), [R, W, N, X, X])


def test_an_accusleepy_digit_of_a_custom_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"labels\.csv, line 3: the brain state 7 is unknown.*1 \(REM\)"):
        read_labels(save(tmp_path, "brain_state\n1\n7\n"))


# BIDS events


def test_events_are_expanded_onto_the_epoch_grid(tmp_path: Path) -> None:
    text = "onset\tduration\ttrial_type\n0\t8\tWake\n8\t4\tNREM\n16\t4\tSleep stage R\n"
    check(read_one(save(tmp_path, text, "mouse_events.tsv")), [W, W, N, X, R])


def test_events_may_come_in_any_order_and_with_rounded_times(tmp_path: Path) -> None:
    text = "onset\tduration\ttrial_type\n7.96\t4.04\tNREM\n0.05\t8\tWake\n"
    check(read_one(save(tmp_path, text)), [W, W, N])


def test_artifacts_mark_every_epoch_they_touch(tmp_path: Path) -> None:
    rows = ["0\t16\tn", "3.5\t1\tartifact", "12.0\t0\tartefact"]
    check(read_one(save(tmp_path, "onset\tduration\ttrial_type\n" + "\n".join(rows))), [N] * 4, [0, 1, 3])


def test_an_artifact_without_a_state_is_an_unscored_epoch(tmp_path: Path) -> None:
    rows = ["0\t4\tn", "4\t4\tartifact"]
    check(read_one(save(tmp_path, "onset\tduration\ttrial_type\n" + "\n".join(rows))), [N, X], [1])


def test_an_artifact_that_outlasts_the_recording_is_cut(tmp_path: Path) -> None:
    path = save(tmp_path, "onset\tduration\ttrial_type\n0\t8\tn\n4\t6\tartifact\n")
    (hypnogram,) = read_labels(path, epochs=2)
    check(hypnogram, [N, N], [1])


def test_the_artifact_column_of_events_marks_whole_bouts(tmp_path: Path) -> None:
    text = "onset\tduration\ttrial_type\tartifact\n0\t8\twake\t0\n8\t8\twake\t1\n"
    check(read_one(save(tmp_path, text)), [W] * 4, [2, 3])


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (["2\t4\twake", "6\t4\tnrem"], r"line 2: 'wake' starts at 2 s, which is not on the grid of 4-s epochs"),
        (["0\t10\twake"], r"line 2: 'wake' ends at 10 s, which is not on the grid"),
        (["-4\t4\twake"], r"'wake' starts at -4 s"),
        (["1e12\t4\twake"], r"'wake' starts at 1e\+12 s"),
        (["0\t0.05\twake"], r"'wake' lasts less than an epoch of 4 s"),
        (["0\t8\twake", "4\t4\tnrem"], r"line 3: epoch 1 is labelled both wake and nrem"),
        (["0\t4\twake", "4\t4\tREMM"], r"line 3: the label 'REMM' is unknown\. Known are"),
        (["0\t4\twake", "4\t0\tSleep stage Z"], r"the label 'Sleep stage Z' is unknown"),
        (["0\t4\tlights off"], r"holds no sleep states; it holds 'lights off'"),
        (["0\tlong\twake"], r"line 2: 'long' is not a number"),
        (["n/a\t4\twake"], r"line 2: 'n/a' is not a number"),
        (["0\tn/a\twake", "40\tn/a\tnrem"], r"line 2: 'wake' has no duration, and the next state does not follow"),
        (["0\t4\twake", "1e12\t4\tartifact"], r"'artifact' lies from 1e\+12 s for 4 s, outside any recording"),
    ],
)
def test_events_that_cannot_be_labels_are_refused(rows: list[str], found: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=found):
        read_labels(save(tmp_path, "\n".join(["onset\tduration\ttrial_type", *rows]), "mouse_events.tsv"))


def test_states_without_durations_last_one_epoch_each(tmp_path: Path) -> None:
    rows = ["0\tn/a\tw", "4\t0\tn", "8\tn/a\tn"]
    check(read_one(save(tmp_path, "onset\tduration\ttrial_type\n" + "\n".join(rows))), [W, N, N])


def test_remarks_beside_states_are_left_alone(tmp_path: Path) -> None:
    rows = ["0\t8\twake", "0\t0\tlights on", "-60\t30\tweighed", "1\t2\tdoor", "0\t8\tdrug A"]
    check(read_one(save(tmp_path, "onset\tduration\ttrial_type\n" + "\n".join(rows))), [W, W])


# EDF+ annotations


def test_edf_annotations_of_other_programs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scored.edf"
    texts = ["Sleep stage W", "Sleep stage N2", "sleep stage r", "artifact during NREM", "Wake (artifact)", "REM"]
    notes = [Annotation(onset_s=4.0 * epoch, duration_s=4.0, text=text) for epoch, text in enumerate(texts)]
    write_annotations(path, [*notes, Annotation(onset_s=5.0, duration_s=0.0, text="Lights off")], start=None)
    check(read_one(path), [W, N, R, N, W, R], [3, 4])


def test_edf_bouts_are_expanded_whatever_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "bouts.csv"
    notes = [(0.0, 12.0, "Sleep stage W"), (12.0, 8.0, "Sleep stage N")]
    write_annotations(path, [Annotation(onset_s=o, duration_s=d, text=t) for o, d, t in notes], start=None)
    check(read_one(path), [W, W, W, N, N])


def test_edf_annotations_off_the_grid_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "scored.edf"
    write_annotations(path, [Annotation(onset_s=2.0, duration_s=4.0, text="Sleep stage W")], start=None)
    with pytest.raises(LabelError, match=r"scored\.edf, at 2 s: 'Sleep stage W' starts at 2 s"):
        read_labels(path)


# Every format


@pytest.mark.parametrize(
    "text",
    [
        "0,w,w\n1,w,w\n2,n,n\n",
        "stage\nwake\nwake\nnrem\n",
        "brain_state\n2\n2\n3\n",
        "onset\tduration\ttrial_type\n0\t8\twake\n8\t4\tnrem\n",
    ],
)
@pytest.mark.parametrize("epochs", [2, 4, 21_600])
def test_a_wrong_number_of_epochs_is_refused_with_both_counts(text: str, epochs: int, tmp_path: Path) -> None:
    path = save(tmp_path, text)
    assert all(len(hypnogram) == 3 for hypnogram in read_labels(path, epochs=3))
    with pytest.raises(LabelError, match=rf"^labels\.csv has 3 epochs, mouse1\.edf has {epochs:,}\.$"):
        read_labels(path, epochs=epochs, recording="mouse1.edf")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"labels\.csv is empty"),
        (b" \n\n ", r"labels\.csv is empty"),
        (b"\xff\xfe\x00w\x00n", r"labels\.csv is not a text file in UTF-8"),
        ("0,w\n1,Größe\n".encode("latin-1"), r"labels\.csv is not a text file in UTF-8"),
        (bytes(range(256)) * 40, r"labels\.csv is not a text file in UTF-8"),
        (b"w\nn\nr\n", r"labels\.csv is no label file that spindle knows: it starts with 'w'"),
        (b"time,power\n0,1\n", r"it starts with 'time,power'"),
        (b"0       " + b"x" * 300, r"labels\.csv"),
    ],
)
def test_what_is_no_label_file_is_refused_in_one_sentence(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(SpindleError, match=found) as error:
        read_labels(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"no file at .*absent\.csv"):
        read_labels(tmp_path / "absent.csv")
    with pytest.raises(LabelError, match="cannot be read"):
        read_labels(tmp_path)


@pytest.mark.parametrize("epoch_s", [0.0, -4.0, float("nan"), float("inf")])
def test_an_impossible_epoch_length_is_refused(epoch_s: float, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="epoch length"):
        read_labels(save(tmp_path, "0,w,w\n"), epoch_s=epoch_s)


@st.composite
def experts(draw: st.DrawFn) -> list[Hypnogram]:
    epochs = draw(st.integers(1, 40))
    count = draw(st.integers(1, 3))
    codes = st.lists(st.integers(-1, 2), min_size=epochs, max_size=epochs)
    flags = st.lists(st.booleans(), min_size=epochs, max_size=epochs)
    found = []
    for _ in range(count):
        states = np.array(draw(codes), dtype=np.int8)
        # The published table has no mark for an artifact without a state.
        found.append(Hypnogram(codes=states, artifact=np.array(draw(flags)) & (states >= 0)))
    return found


@one_file
@given(experts())
def test_the_published_table_survives_writing_and_reading(tmp_path: Path, hypnograms: list[Hypnogram]) -> None:
    path = tmp_path / "A1.csv"
    write_published_labels(path, hypnograms)
    again = read_labels(path, epochs=len(hypnograms[0]))
    assert len(again) == len(hypnograms)
    for before, after in zip(hypnograms, again, strict=True):
        np.testing.assert_array_equal(after.codes, before.codes)
        np.testing.assert_array_equal(after.artifact, before.artifact)


def test_experts_of_different_lengths_cannot_share_a_table(tmp_path: Path) -> None:
    pair = [Hypnogram.from_stages([W]), Hypnogram.from_stages([W, N])]
    with pytest.raises(LabelError, match=r"\[1, 2\]"):
        write_published_labels(tmp_path / "A1.csv", pair)
    assert not list(tmp_path.iterdir())


def test_writing_labels_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        write_published_labels(tmp_path / "absent" / "A1.csv", [Hypnogram.from_stages([W])])


cell = st.one_of(
    st.sampled_from(["w", "n", "r", "1", "2", "3", "0", "-1", "x", "wake", "NREM", "Sleep stage R", "artifact", ""]),
    st.sampled_from(["n/a", "4", "8.0", "-4", "nan", "inf", "1e999", "1e300", "0,5", '"', "'", "Sleep stage 9"]),
    st.text(max_size=5),
)
header = st.sampled_from(
    [
        ["stage"],
        ["epoch", "start_s", "stage", "artifact"],
        ["brain_state"],
        ["brain_state", "confidence_score"],
        ["onset", "duration", "trial_type"],
        ["onset", "duration", "trial_type", "artifact"],
        ["onset", "trial_type"],
        ["0", "w", "n"],
    ]
)


@st.composite
def near_labels(draw: st.DrawFn) -> bytes:
    """Files that look like label files, with anything in their cells."""
    names = draw(header)
    delimiter = draw(st.sampled_from(",;\t"))
    rows = draw(st.lists(st.lists(cell, min_size=len(names), max_size=len(names)), max_size=6))
    return "\n".join(delimiter.join(row) for row in [names, *rows]).encode("utf-8", errors="surrogatepass")


@settings(one_file, max_examples=400)
@given(near_labels() | st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_no_content_gives_anything_but_labels_or_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    try:
        hypnograms = read_labels(path)
    except SpindleError as error:
        assert "labels.csv" in str(error)
        return
    assert all(len(hypnogram) == len(hypnograms[0]) for hypnogram in hypnograms)


@settings(one_file, max_examples=200)
@given(data=st.data())
def test_damaged_edf_labels_give_labels_or_one_clear_sentence(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "labels.edf"
    notes = [Annotation(onset_s=4.0 * epoch, duration_s=4.0, text="Sleep stage W") for epoch in range(5)]
    write_annotations(path, notes, start=None)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        hypnograms = read_labels(path)
    except SpindleError:
        return
    assert len(hypnograms) == 1
