"""The one exception family of Latentia: every message says what was wanted and what was found."""


class LatentiaError(Exception):
    """Something the caller can put right."""


class CheckpointError(LatentiaError):
    """A checkpoint is missing, damaged or of another model."""


class DataError(LatentiaError):
    """Data are missing, damaged, or not what the model or the data set's format wants."""


class OutputError(LatentiaError):
    """Results cannot be written where they were asked for."""


class SettingError(LatentiaError):
    """A setting is unknown, misspelt, or contradicts another."""


class TrainingError(LatentiaError):
    """Training cannot go on; the message names the last good checkpoint."""


class LostWorkerError(LatentiaError):
    """A process that worked on a part came to its end from outside."""
