"""The one exception family of SPINDLE, a branch of Latentia's.

Every message is a sentence for a sleep researcher: what was wanted, what was found, and the user's own name
for the thing. The command line prints it and ends with exit code 2; nothing of it is a traceback. `OutputError` is
Latentia's own.
"""

from latentia.errors import LatentiaError, OutputError

__all__ = [
    "ChannelError",
    "CohortError",
    "LabelError",
    "ModelError",
    "OutputError",
    "RecordingError",
    "RemoteError",
    "SettingError",
    "SpindleError",
]


class SpindleError(LatentiaError):
    """Something the user can put right."""


class RecordingError(SpindleError):
    """A recording cannot be read, or holds nothing that can be scored."""


class ChannelError(SpindleError):
    """The EEG or EMG channels are missing, ambiguous or unusable."""


class CohortError(SpindleError):
    """A table of animals and groups is not one that can be compared."""


class LabelError(SpindleError):
    """A label file does not fit its format or its recording."""


class ModelError(SpindleError):
    """A model file is not one that this version of SPINDLE can use."""


class RemoteError(SpindleError):
    """A web service cannot be reached, or does not do what it was asked."""


class SettingError(SpindleError):
    """An option has a value that cannot work."""
