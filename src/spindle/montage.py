"""Which channels of a recording are scored together: named by the user, guessed from labels, or by position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spindle.channel_labels import Role, words_and_role
from spindle.errors import ChannelError, SettingError
from spindle.recording import EPOCH_S, Channel, Montage, Recording
from spindle.signals import LOWEST_RATE_HZ

MOST_EEGS = 2
SIDES = frozenset({"l", "r", "left", "right", "lh", "rh"})
"""Words that tell two channels of one animal apart, not two animals."""

ONE_EEG = "There is one EEG; it takes the place of both."


@dataclass(frozen=True, kw_only=True, eq=False)
class _Named:
    """A channel with the name that tells it apart: its label, or LABEL#2 for the second of that label.

    `words` are the parts of the label that say neither EEG nor EMG: "Mouse 3 EEG frontal" leaves mouse, 3, frontal.
    """

    name: str
    channel: Channel
    role: Role | None
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """The channels of one animal."""

    eegs: tuple[_Named, ...]
    emg: _Named
    animal: str = ""


def choose_montages(
    recording: Recording, *, eeg: Sequence[str] = (), emg: str | None = None, by_position: bool = False
) -> tuple[Montage, ...]:
    """Choose one or two EEGs and the EMG, for each animal of the file.

    Names are the labels, LABEL#2 for the second channel of one label; case and spaces do not matter where the name
    stays unique. What is not named is taken from the labels where exactly one reading makes sense, and `notes` say
    so. By position, channels 1 and 2 are EEG and 3 is the EMG; of two channels the second is. One EEG is used twice
    (thesis A, 5.4.6).

    Errors: ChannelError where a name is unknown, the labels can be read in more than one way or in none, or a
    channel's rate is under 64 Hz; SettingError for names together with `by_position`.
    """
    channels = _named(recording)
    if by_position:
        if eeg or emg is not None:
            raise SettingError("Channels are taken either by name or by position, not both.")
        choices = [_by_position(recording, channels)]
        how = "by their position"
    elif eeg and emg is not None:
        choices = [_Choice(eegs=_find_eegs(recording, channels, eeg), emg=_find(recording, channels, emg, "EMG"))]
        how = ""
    else:
        choices = _guess(recording, channels, eeg, emg)
        how = "from their labels"
    return tuple(_montage(recording, choice, how) for choice in choices)


def choose_montage(
    recording: Recording, *, eeg: Sequence[str] = (), emg: str | None = None, by_position: bool = False
) -> Montage:
    """Choose the channels of the only animal. Errors: ChannelError, also where the file holds several animals."""
    montages = choose_montages(recording, eeg=eeg, emg=emg, by_position=by_position)
    if len(montages) > 1:
        animals = ", ".join(montage.animal for montage in montages)
        raise ChannelError(f"{_file(recording)} holds several animals ({animals}); name the EEG and EMG of one.")
    return montages[0]


def _montage(recording: Recording, choice: _Choice, how: str) -> Montage:
    if choice.emg in choice.eegs:
        raise ChannelError(f"'{choice.emg.name}' of {_file(recording)} cannot be both EEG and EMG.")
    for role, one in [*(("EEG", one) for one in choice.eegs), ("EMG", choice.emg)]:
        if one.channel.rate_hz < LOWEST_RATE_HZ:
            raise ChannelError(
                f"{role} channel '{one.name}' of {_file(recording)} is sampled at {one.channel.rate_hz:g} Hz; "
                f"scoring needs {LOWEST_RATE_HZ:g} Hz or more."
            )
    notes = []
    if how:
        of_animal = f"For animal {choice.animal}, took" if choice.animal else "Took"
        notes.append(f"{of_animal} {_list(choice.eegs)} as EEG and {_list([choice.emg])} as EMG, {how}.")
    if len(choice.eegs) == 1:
        notes.append(ONE_EEG)
    durations = {one.name: one.channel.duration_s for one in (*choice.eegs, choice.emg)}
    if max(durations.values()) - min(durations.values()) > EPOCH_S:
        listed = ", ".join(f"{name} {duration_s:g} s" for name, duration_s in durations.items())
        notes.append(f"The channels differ in length ({listed}); what all cover is scored.")
    first, second = choice.eegs[0].channel, choice.eegs[-1].channel
    return Montage(eeg=(first, second), emg=choice.emg.channel, animal=choice.animal, notes=tuple(notes))


def _named(recording: Recording) -> list[_Named]:
    labels = recording.labels
    result = []
    for place, channel in enumerate(recording.channels):
        label = channel.label
        name = f"{label}#{labels[: place + 1].count(label)}" if labels.count(label) > 1 else label
        role, words = words_and_role(label)
        result.append(_Named(name=name, channel=channel, role=role, words=words))
    return result


def _by_position(recording: Recording, channels: Sequence[_Named]) -> _Choice:
    if len(channels) < 2:
        raise ChannelError(f"{_file(recording)} has one channel; scoring needs an EEG and an EMG.")
    eegs = channels[: min(len(channels) - 1, MOST_EEGS)]
    return _Choice(eegs=tuple(eegs), emg=channels[len(eegs)])


def _find(recording: Recording, channels: Sequence[_Named], name: str, role: str) -> _Named:
    """Find a channel by the user's word for it."""
    exact = [one for one in channels if one.name == name]
    loose = exact or [one for one in channels if _bare(one.name) == _bare(name)]
    loose = loose or [one for one in channels if _bare(one.channel.label) == _bare(name)]
    if len(loose) > 1:
        raise ChannelError(
            f"{role} channel '{name}' may be {_list(loose, ' or ')} in {_file(recording)}; use one of these names."
        )
    if not loose:
        raise ChannelError(f"{role} channel '{name}' is not in {_file(recording)}; it has {_names(channels)}.")
    return loose[0]


def _find_eegs(recording: Recording, channels: Sequence[_Named], names: Sequence[str]) -> tuple[_Named, ...]:
    found = tuple(_find(recording, channels, name, "EEG") for name in names)
    # The same channel twice is one EEG.
    distinct = tuple(one for place, one in enumerate(found) if one not in found[:place])
    if len(distinct) > MOST_EEGS:
        raise ChannelError(f"{len(distinct)} EEG channels were named ({_names(distinct)}); scoring takes one or two.")
    return distinct


def _guess(recording: Recording, channels: Sequence[_Named], eeg: Sequence[str], emg: str | None) -> list[_Choice]:
    """Complete the user's names from labels; without any name, every animal of the file is taken."""
    eegs = [one for one in channels if one.role is Role.EEG]
    emgs = [one for one in channels if one.role is Role.EMG]
    if eeg:
        chosen = _find_eegs(recording, channels, eeg)
        return [_Choice(eegs=chosen, emg=_emg_of(recording, channels, chosen, eegs, emgs))]
    if emg is not None:
        chosen_emg = _find(recording, channels, emg, "EMG")
        eegs = [one for one in eegs if one != chosen_emg]
        return [_Choice(eegs=_eegs_of(recording, channels, chosen_emg, eegs, emgs), emg=chosen_emg)]
    _require(recording, channels, eegs, "EEG", "--eeg")
    _require(recording, channels, emgs, "EMG", "--emg")
    if len(emgs) == 1:
        if len(eegs) > MOST_EEGS:
            raise ChannelError(_too_many(recording, eegs, "EEG", "choose one or two with --eeg"))
        return [_Choice(eegs=tuple(eegs), emg=emgs[0])]
    animals = _animals(eegs, emgs)
    if animals is None or _may_be_one_animal(channels, animals):
        raise ChannelError(
            f"{_file(recording)} has {len(emgs)} EMG channels ({_names(emgs)}) with {_names(eegs)} as EEG, and the "
            f'labels do not say what belongs together; choose with --eeg and --emg, such as --emg "{emgs[0].name}".'
        )
    return animals


def _eegs_of(
    recording: Recording, channels: Sequence[_Named], emg: _Named, eegs: list[_Named], emgs: list[_Named]
) -> tuple[_Named, ...]:
    """Find the EEGs that go with the EMG that the user named."""
    _require(recording, channels, eegs, "EEG", "--eeg")
    animals = _animals(eegs, emgs)
    if animals is not None and not _may_be_one_animal(channels, animals):
        own = [choice for choice in animals if choice.emg == emg]
        if own:
            return own[0].eegs
    if len(eegs) > MOST_EEGS:
        raise ChannelError(_too_many(recording, eegs, "EEG", "choose one or two with --eeg"))
    return tuple(eegs)


def _emg_of(
    recording: Recording, channels: Sequence[_Named], chosen: Sequence[_Named], eegs: list[_Named], emgs: list[_Named]
) -> _Named:
    """Find the EMG that goes with the EEGs that the user named."""
    emgs = [one for one in emgs if one not in chosen]
    _require(recording, channels, emgs, "EMG", "--emg")
    if len(emgs) == 1:
        return emgs[0]
    animals = _animals(eegs, emgs)
    if animals is not None and not _may_be_one_animal(channels, animals):
        own = [choice for choice in animals if all(one in choice.eegs for one in chosen)]
        if own:
            return own[0].emg
    raise ChannelError(_too_many(recording, emgs, "EMG", f'choose one with --emg, such as --emg "{emgs[0].name}"'))


def _animals(eegs: Sequence[_Named], emgs: Sequence[_Named]) -> list[_Choice] | None:
    """Pair each EEG with the EMG whose remaining words its own label has too; None where that fails.

    EEG09 goes with EMG09, and "mouse 3 EEG frontal" with "mouse 3 EMG".
    """
    if len({one.words for one in emgs}) < len(emgs) or any(set(one.words) <= SIDES for one in emgs):
        return None
    groups: dict[str, list[_Named]] = {one.name: [] for one in emgs}
    for eeg in eegs:
        fits = [emg for emg in emgs if set(emg.words) <= set(eeg.words)]
        longest = [emg for emg in fits if len(emg.words) == max(len(one.words) for one in fits)]
        if len(longest) != 1:
            return None
        groups[longest[0].name].append(eeg)
    if not all(1 <= len(group) <= MOST_EEGS for group in groups.values()):
        return None
    return [_Choice(eegs=tuple(groups[emg.name]), emg=emg, animal="-".join(emg.words)) for emg in emgs]


def _may_be_one_animal(channels: Sequence[_Named], animals: Sequence[_Choice]) -> bool:
    """Whether EEG1, EEG2, EMG1, EMG2 stand in this order: one animal with two EMGs is labelled so as well."""
    if len(animals) != 2 or any(len(choice.eegs) != 1 for choice in animals):
        return False
    places = {one.name: place for place, one in enumerate(channels)}
    first, second = animals
    return max(places[first.eegs[0].name], places[second.eegs[0].name]) < min(
        places[first.emg.name], places[second.emg.name]
    )


def _require(recording: Recording, channels: Sequence[_Named], found: Sequence[_Named], role: str, option: str) -> None:
    if not found:
        raise ChannelError(
            f"No channel of {_file(recording)} looks like an {role} by its label; it has {_names(channels)}; "
            f"name one with {option}."
        )


def _too_many(recording: Recording, found: Sequence[_Named], role: str, what_to_do: str) -> str:
    return f"{_file(recording)} has {len(found)} {role} channels ({_names(found)}); {what_to_do}."


def _file(recording: Recording) -> str:
    return recording.path.name if recording.path is not None else recording.name


def _names(channels: Iterable[_Named]) -> str:
    return ", ".join(one.name for one in channels)


def _list(channels: Iterable[_Named], join: str = " and ") -> str:
    return join.join(f"'{one.name}'" for one in channels)


def _bare(name: str) -> str:
    return "".join(name.split()).casefold()
