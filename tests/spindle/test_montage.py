"""Choosing channels: what users name, what labels say, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.channel_labels import Role, words_and_role
from spindle.edf import read_edf
from spindle.errors import ChannelError, SettingError, SpindleError
from spindle.montage import choose_montage, choose_montages
from spindle.recording import Channel, Montage, Recording


def recording(*labels: str, rate_hz: float = 128.0, seconds: float = 60) -> Recording:
    signal = np.zeros(int(rate_hz * seconds), dtype=np.float32)
    channels = tuple(Channel.from_array(label, signal, rate_hz) for label in labels)
    return Recording(name="mouse07", channels=channels)


def labels(montage: Montage) -> tuple[str, str, str]:
    return montage.eeg[0].label, montage.eeg[1].label, montage.emg.label


def test_named_channels_are_taken_without_remark():
    (montage,) = choose_montages(recording("a", "b", "c", "d"), eeg=["c", "a"], emg="d")
    assert labels(montage) == ("c", "a", "d")
    assert montage.notes == ()


def test_names_need_no_case_and_no_spaces_where_they_stay_unique():
    (montage,) = choose_montages(recording("EEG Fpz - Cz", "EMG"), eeg=["eeg fpz-cz"], emg="emg")
    assert labels(montage) == ("EEG Fpz - Cz", "EEG Fpz - Cz", "EMG")


def test_case_decides_where_labels_differ_only_by_it():
    (montage,) = choose_montages(recording("eeg", "EEG", "EMG"), eeg=["eeg"], emg="EMG")
    assert montage.eeg[0] is montage.eeg[1]
    assert labels(montage)[0] == "eeg"
    with pytest.raises(ChannelError, match="'Eeg' may be 'eeg' or 'EEG' in mouse07"):
        choose_montages(recording("eeg", "EEG", "EMG"), eeg=["Eeg"], emg="EMG")


@pytest.mark.parametrize(("eeg", "emg"), [(["EEG3"], "EMG"), (["EEG1"], "EMG2")])
def test_an_unknown_name_lists_what_there_is(eeg, emg):
    with pytest.raises(ChannelError, match=r"'E\wG\d' is not in mouse07; it has EEG1, EEG2, EMG\."):
        choose_montages(recording("EEG1", "EEG2", "EMG"), eeg=eeg, emg=emg)


def test_duplicated_labels_are_told_apart_by_their_number():
    file = recording("EEG", "EEG", "EMG")
    (montage,) = choose_montages(file, eeg=["EEG#2"], emg="EMG")
    assert montage.eeg[0] is file.channels[1]
    with pytest.raises(ChannelError, match="'EEG' may be 'EEG#1' or 'EEG#2' in mouse07; use one of these names"):
        choose_montages(file, eeg=["EEG"], emg="EMG")
    with pytest.raises(ChannelError, match="it has EEG#1, EEG#2, EMG"):
        choose_montages(file, eeg=["EEG#3"], emg="EMG")


def test_more_than_two_eegs_are_refused():
    with pytest.raises(ChannelError, match=r"3 EEG channels were named \(a, b, c\); scoring takes one or two"):
        choose_montages(recording("a", "b", "c", "d"), eeg=["a", "b", "c"], emg="d")


def test_one_eeg_takes_both_places_and_it_is_said():
    for eeg in (["EEG"], ["EEG", "EEG"]):
        (montage,) = choose_montages(recording("EEG", "EMG"), eeg=eeg, emg="EMG")
        assert montage.eeg[0] is montage.eeg[1]
        assert montage.notes == ("There is one EEG; it takes the place of both.",)
        assert len(montage.channels) == 2


def test_a_channel_cannot_be_eeg_and_emg():
    with pytest.raises(ChannelError, match="'a' of mouse07 cannot be both EEG and EMG"):
        choose_montages(recording("a", "b"), eeg=["a"], emg="a")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (["EEG", "EMG"], ("EEG", "EEG", "EMG")),
        (["eeg", "emg"], ("eeg", "eeg", "emg")),
        (["EEG1", "EEG2", "EMG"], ("EEG1", "EEG2", "EMG")),
        (["EMG", "EEG1", "EEG2"], ("EEG1", "EEG2", "EMG")),
        (["EEG_1", "EEG_2", "EMG_1"], ("EEG_1", "EEG_2", "EMG_1")),
        (["EEG EEG1A-B", "EEG EEG2A-B", "EMG EMG"], ("EEG EEG1A-B", "EEG EEG2A-B", "EMG EMG")),
        (["EEG Fpz", "EMG nuchal", "Temp", "TTL"], ("EEG Fpz", "EEG Fpz", "EMG nuchal")),
        (["Frontal", "Parietal", "Neck", "Light"], ("Frontal", "Parietal", "Neck")),
        (["EEG fro", "EEG par", "EMG", "EOG", "ECG", "Acc X"], ("EEG fro", "EEG par", "EMG")),
        (["ECoG", "EMG1", "Activity"], ("ECoG", "ECoG", "EMG1")),
        (["EEG", "EEG", "EMG"], ("EEG", "EEG", "EMG")),
        (["EEG EEG", "EEG EMG"], ("EEG EEG", "EEG EEG", "EEG EMG")),
    ],
)
def test_labels_with_one_reading_are_taken_and_it_is_said(file, expected):
    (montage,) = choose_montages(recording(*file))
    assert labels(montage) == expected
    assert montage.animal == ""
    assert montage.notes[0].startswith("Took '") and montage.notes[0].endswith("from their labels.")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (["EEG1", "EEG2", "temp"], r"No channel of mouse07 looks like an EMG by its label; it has .*--emg"),
        (["EMG", "x"], r"looks like an EEG by its label; it has EMG, x; name one with --eeg"),
        (["a", "b", "c"], "looks like an EEG"),
        (["EEG1", "EEG2", "EEG3", "EMG"], r"has 3 EEG channels \(EEG1, EEG2, EEG3\); choose one or two with --eeg"),
        (["EEG", "EMG1", "EMG2"], r"2 EMG channels \(EMG1, EMG2\) with EEG as EEG.*--emg \"EMG1\""),
        (["EEG", "EMG", "EMG"], r"2 EMG channels \(EMG#1, EMG#2\).*--emg \"EMG#1\""),
        (["EEG1", "EEG2", "EMG1", "EMG2"], r"2 EMG channels"),
        (["EEG L", "EMG L", "EEG R", "EMG R"], r"2 EMG channels"),
        (["EEG1", "EMG1", "EEG2", "EMG2", "EEG3"], r"2 EMG channels"),
        (["EEG1", "EMG1", "EMG2"], r"2 EMG channels"),
    ],
)
def test_labels_with_no_reading_or_several_are_refused(file, message):
    with pytest.raises(ChannelError, match=message):
        choose_montages(recording(*file))


def test_several_animals_pair_by_the_rest_of_their_labels():
    montages = choose_montages(recording("EEG09", "EMG09", "EEG10", "EMG10", "EEG11", "EMG11"))
    assert [one.animal for one in montages] == ["09", "10", "11"]
    assert [labels(one) for one in montages] == [(f"EEG{n}", f"EEG{n}", f"EMG{n}") for n in ("09", "10", "11")]
    assert montages[1].notes[0] == "For animal 10, took 'EEG10' as EEG and 'EMG10' as EMG, from their labels."


def test_animals_may_have_two_eegs_and_names_of_several_words():
    names = [f"Mouse {n} {what}" for n in (3, 33) for what in ("EEG frontal", "EEG parietal", "EMG")]
    montages = choose_montages(recording(*names))
    assert [one.animal for one in montages] == ["mouse-3", "mouse-33"]
    assert labels(montages[1]) == ("Mouse 33 EEG frontal", "Mouse 33 EEG parietal", "Mouse 33 EMG")


def test_eeg1_emg1_eeg2_emg2_are_two_animals_and_eeg1_eeg2_emg_is_one():
    assert len(choose_montages(recording("EEG1", "EMG1", "EEG2", "EMG2"))) == 2
    assert len(choose_montages(recording("EEG1", "EEG2", "EMG"))) == 1
    assert len(choose_montages(recording("EEG1", "EEG2", "EEG3", "EMG1", "EMG2", "EMG3"))) == 3


@pytest.mark.parametrize(
    ("file", "eeg", "emg", "expected"),
    [
        (["EEG1", "EEG2", "x"], [], "x", ("EEG1", "EEG2", "x")),
        (["x", "EMG"], ["x"], None, ("x", "x", "EMG")),
        (["EEG", "EMG1", "EMG2"], [], "EMG2", ("EEG", "EEG", "EMG2")),
        (["EEG1", "EEG2", "EMG1", "EMG2"], [], "EMG2", ("EEG1", "EEG2", "EMG2")),
        (["EEG09", "EMG09", "EEG10", "EMG10"], [], "EMG10", ("EEG10", "EEG10", "EMG10")),
        (["EEG09", "EMG09", "EEG10", "EMG10"], ["EEG10"], None, ("EEG10", "EEG10", "EMG10")),
        (["EEG1", "EEG2", "EEG3", "EMG"], ["EEG3", "EEG1"], None, ("EEG3", "EEG1", "EMG")),
    ],
)
def test_what_is_not_named_is_guessed_among_the_rest(file, eeg, emg, expected):
    (montage,) = choose_montages(recording(*file), eeg=eeg, emg=emg)
    assert labels(montage) == expected
    assert montage.notes


@pytest.mark.parametrize(
    ("file", "eeg", "emg", "message"),
    [
        (["EEG", "x"], ["EEG"], None, "looks like an EMG"),
        (["EMG", "x"], [], "EMG", "looks like an EEG"),
        (["EEG1", "EEG2", "EEG3", "x"], [], "x", "has 3 EEG channels"),
        (["EEG", "EMG1", "EMG2"], ["EEG"], None, r"has 2 EMG channels \(EMG1, EMG2\); choose one with --emg"),
        (["EEG09", "EMG09", "EEG10", "EMG10"], ["EEG10", "EEG09"], None, "has 2 EMG channels"),
    ],
)
def test_a_half_named_choice_that_stays_open_is_refused(file, eeg, emg, message):
    with pytest.raises(ChannelError, match=message):
        choose_montages(recording(*file), eeg=eeg, emg=emg)


@pytest.mark.parametrize(
    ("file", "expected"),
    [(["a", "b"], ("a", "a", "b")), (["a", "b", "c"], ("a", "b", "c")), (["a", "b", "c", "d"], ("a", "b", "c"))],
)
def test_position_is_eeg_eeg_emg_and_it_is_said(file, expected):
    (montage,) = choose_montages(recording(*file), by_position=True)
    assert labels(montage) == expected
    assert montage.notes[0].endswith("by their position.")


def test_position_and_names_exclude_each_other_and_one_channel_is_too_few():
    with pytest.raises(SettingError, match="either by name or by position"):
        choose_montages(recording("a", "b"), emg="b", by_position=True)
    with pytest.raises(ChannelError, match="has one channel"):
        choose_montages(recording("a"), by_position=True)


def test_a_rate_that_is_too_low_is_refused_by_name_and_only_where_it_matters():
    slow = Channel.from_array("EMG", np.zeros(500), 50.0)
    file = recording("EEG", "EMG2")
    file = Recording(name="mouse07", channels=(*file.channels, slow))
    with pytest.raises(ChannelError, match=r"EMG channel 'EMG' of mouse07 is sampled at 50 Hz; .* 64 Hz or more"):
        choose_montages(file, eeg=["EEG"], emg="EMG")
    assert choose_montages(file, eeg=["EEG"], emg="EMG2")
    assert choose_montages(recording("EEG", "EMG", rate_hz=64.0))


def test_channels_of_different_length_are_noted():
    file = recording("EEG", seconds=60)
    file = Recording(name="mouse07", channels=(*file.channels, *recording("EMG", seconds=50).channels))
    (montage,) = choose_montages(file)
    assert "The channels differ in length (EEG 60 s, EMG 50 s); what all cover is scored." in montage.notes


@given(
    names=st.lists(st.text(max_size=6) | st.from_regex(r"(EEG|EMG) ?[0-3]?", fullmatch=True), max_size=7),
    eeg=st.lists(st.sampled_from(["EEG", "EEG1", "EEG#2", "x"]), max_size=3),
    emg=st.none() | st.sampled_from(["EMG", "EMG2", "emg 1"]),
    by_position=st.booleans(),
)
def test_any_labels_give_montages_of_the_file_or_one_error(names, eeg, emg, by_position):
    file = recording(*names)
    try:
        montages = choose_montages(file, eeg=eeg, emg=emg, by_position=by_position)
    except SpindleError as error:
        assert str(error).endswith(".")
        return
    assert montages
    taken = [channel for one in montages for channel in one.channels]
    assert all(any(channel is other for other in file.channels) for channel in taken)
    assert len({id(channel) for channel in taken}) == len(taken)
    assert len({one.animal for one in montages}) == len(montages)


@pytest.mark.parametrize(
    ("label", "role", "words"),
    [
        ("EEG EEG1A-B", Role.EEG, ("1a", "b")),
        ("EMG09", Role.EMG, ("09",)),
        ("EEG temp", None, ("temp",)),
        ("nuchal", Role.EMG, ()),
        ("", None, ()),
        ("FrontalEEG", Role.EEG, ("frontal",)),
    ],
)
def test_labels_split_into_role_and_words(label, role, words):
    assert words_and_role(label) == (role, words)


def test_one_animal_is_asked_for_where_a_file_holds_several():
    several = Recording(
        name="mice",
        channels=tuple(Channel.from_array(name, np.zeros(4), 128) for name in ("EEG1", "EMG1", "EEG2", "EMG2")),
    )
    with pytest.raises(ChannelError, match=r"mice holds several animals \(1, 2\); name the EEG and EMG of one"):
        choose_montage(several)
    assert choose_montage(several, eeg=["EEG2"]).emg.label == "EMG2"


@pytest.mark.real_data
def test_eight_mice_in_one_real_file_are_eight_montages(real_data):
    montages = choose_montages(read_edf(real_data / "sleep" / "mouse_faster2_8mice_128hz.edf"))
    assert [one.animal for one in montages] == [f"{n:02d}" for n in range(9, 17)]
    assert [labels(one)[1:] for one in montages] == [(f"EEG{n:02d}", f"EMG{n:02d}") for n in range(9, 17)]
