"""What a channel's label says: whether it is an EEG or an EMG, and of which animal."""

from __future__ import annotations

import re
from enum import StrEnum


class Role(StrEnum):
    """What a channel is used for."""

    EEG = "EEG"
    EMG = "EMG"


_EMG_WORDS = frozenset({"neck", "nuchal", "nucha", "nape", "muscle", "trapezius"})
_EEG_WORDS = frozenset(
    {"frontal", "parietal", "occipital", "temporal", "central", "cortex", "cortical", "ecog"}
    | {"fp1", "fpz", "fp2", "f3", "fz", "f4", "c3", "cz", "c4", "p3", "pz", "p4", "o1", "oz", "o2"}
)
_OTHER = re.compile(
    r"acc|accel\w*|gyro\w*|mag|imu|activity|motion|movement|locomotion|temp|temperature|tbody|light|lux|lights?|ttl\d*|"
    r"trig\w*|event\w*|marker\w*|status|stim\w*|sync\w*|eog\w*|ecg\w*|ekg\w*|resp\w*|breath\w*|bp|pressure|aux\w*|"
    r"batt\w*|rssi|video|time\w*|timestamp\w*|annotations?|hypnogram|stage|label|epoch|opto\w*|laser\w*",
    re.IGNORECASE,
)
"""Words of channels that are neither, also when the label has EEG in it ("EEG temp")."""

_ROLE = re.compile(r"(eeg|emg|ecog)", re.IGNORECASE)


def words_and_role(label: str) -> tuple[Role | None, tuple[str, ...]]:
    """Split a label into its role, None if it tells none, and the words that are left.

    "EEG EEG1A-B" is an EEG with the words 1a and b, "EMG09" an EMG with 09. A label with both is an EMG: "EEG" is
    also how some recorders call every channel.
    """
    roles: set[str] = set()
    words: list[str] = []
    is_other = False
    for word in re.findall(r"[^\W_]+", label):
        is_other |= _OTHER.fullmatch(word) is not None
        lower = word.lower()
        if lower in _EMG_WORDS:
            roles.add("emg")
        elif lower in _EEG_WORDS:
            roles.add("eeg")
            words.append(lower)
        else:
            roles.update(found.lower() for found in _ROLE.findall(word))
            rest = _ROLE.sub("", word).lower()
            if rest:
                words.append(rest)
    if is_other or not roles:
        return None, tuple(words)
    return (Role.EMG if "emg" in roles else Role.EEG), tuple(words)
