"""What whoever runs the service decides; importable without its libraries, because the command line shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from latentia.command_line.options import option
from spindle.errors import SettingError

GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """Storage."""

    data: str = option(
        "spindle-data",
        "folder for recordings and results; with s3fs also s3://BUCKET/FOLDER",
        metavar="PLACE",
    )
    scratch: Path | None = option(
        None, "folder for what is on its way (default: in the data folder, or the system's)", metavar="FOLDER"
    )
    database: str | None = option(
        None,
        "database, such as postgresql://NAME@HOST/DATABASE (default: SQLite in the data folder)",
        metavar="URL",
    )

    def __post_init__(self) -> None:
        if "://" in self.data and self.database is None:
            raise SettingError(f"With data at {self.data}, name a database too: --database postgresql://….")
        if self.database is not None and not self.database.startswith(("postgresql", "sqlite:///")):
            raise SettingError(
                f"--database must begin with postgresql:// or sqlite:///, and is {self.database.partition(':')[0]}:…."
            )

    @property
    def is_local(self) -> bool:
        """Whether data are in a folder of this machine, or one that looks like it."""
        return "://" not in self.data

    @property
    def folder(self) -> Path:
        """The data folder. Only where `is_local`."""
        return Path(self.data).expanduser().absolute()


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """Limits."""

    largest_gib: float = option(8.0, "the largest recording that is accepted", metavar="GIB")
    quota_gib: float = option(
        200.0, "what one account may keep, unless an administrator set more or less", metavar="GIB"
    )
    keep_days: int = option(0, "delete recordings and their results after so many days; 0 keeps them", metavar="DAYS")
    requests_per_minute: int = option(600, "requests that one account or address may make", metavar="COUNT")

    def __post_init__(self) -> None:
        for name in ("largest_gib", "quota_gib", "requests_per_minute"):
            if not getattr(self, name) > 0:
                raise SettingError(f"--{name.replace('_', '-')} must be more than 0, not {getattr(self, name):g}.")
        if self.keep_days < 0:
            raise SettingError(f"--keep-days must be 0 or more, not {self.keep_days}.")

    @property
    def largest_bytes(self) -> int:
        """The largest recording."""
        return int(self.largest_gib * GIB)

    @property
    def quota_bytes(self) -> int:
        """What one account may keep."""
        return int(self.quota_gib * GIB)


@dataclass(frozen=True, kw_only=True)
class WebOptions:
    """Web."""

    host: str = option("127.0.0.1", "address to listen at; 0.0.0.0 is reached from everywhere", metavar="ADDRESS")
    port: int = option(8765, "port to listen at; 0 takes a free one", metavar="PORT")
    address: str | None = option(
        None, "how others reach the service, such as https://sleep.example.org, behind a proxy", metavar="URL"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65536:
            raise SettingError(f"--port must lie between 0 and 65535, not at {self.port}.")
        if self.address is not None and not self.address.startswith(("http://", "https://")):
            raise SettingError(f"--address must begin with http:// or https://, not {self.address}.")

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the service through TLS, so that cookies may be told to stay within it."""
        return self.address is not None and self.address.startswith("https://")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Everything that the web program and its workers are told."""

    storage: StorageOptions
    limits: LimitOptions
    web: WebOptions
