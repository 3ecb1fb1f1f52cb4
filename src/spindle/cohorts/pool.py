"""Animals put together: long tables with a column `group`, and what had to be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latentia.files import atomic_path
from spindle.cohorts.measure import Measured
from spindle.cohorts.table import CohortTable, FailedRow
from spindle.errors import CohortError, OutputError, SettingError

SAME_LENGTH_H = 0.25
"""Recordings that differ by less are taken for equally long."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """All animals of a cohort that could be measured.

    The tables are those of `Measured` one below the other, with a column `group`, a pandas categorical in the order of
    `groups`, whose first is what others are compared with. Rows of bins are of animals that share a clock:
    zeitgeber time where `by_zeitgeber`, hours since the start otherwise.
    """

    groups: tuple[str, ...]
    animals: pd.DataFrame
    architecture: pd.DataFrame
    timing: pd.DataFrame
    spectra: pd.DataFrame
    bands: pd.DataFrame
    by_zeitgeber: bool
    unit: str
    failed: tuple[FailedRow, ...]
    notes: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of animals in each group."""
        return {group: int((self.animals["group"] == group).sum()) for group in self.groups}


def pool(
    table: CohortTable, measured: Mapping[int, Measured], failed: Sequence[FailedRow], reference: str | None
) -> Pool:
    """Put animals together; `measured` goes by the line of the table.

    Animals whose epochs have another length than most are left out, as failed rows. Errors: CohortError where no
    animal is left; SettingError where `reference` is no group of theirs.
    """
    kept, odd = _same_epochs(measured)
    problems = sorted([*table.failed, *failed, *odd], key=lambda row: row.line)
    if not kept:
        total = len(table.rows) + len(table.failed)
        count = "The only animal" if total == 1 else f"None of the {total} animals"
        could = "cannot" if total == 1 else "can"
        raise CohortError(f"{count} of {table.name} {could} be analysed; the first reason is: {problems[0].reason}")
    present = {one.group for one in kept}
    groups = _with_reference([group for group in table.groups if group in present], reference, table.name)
    zeitgeber = any(one.by_zeitgeber for one in kept)
    clocked = [one for one in kept if one.by_zeitgeber == zeitgeber]
    architecture = _joined(((one, one.architecture) for one in kept), groups)
    timing = _joined(((one, one.timing) for one in clocked), groups)
    left_out = [one.animal for one in kept if one.by_zeitgeber != zeitgeber]
    return Pool(
        groups=groups,
        animals=_animals(kept, groups),
        architecture=architecture[~(architecture["animal"].isin(left_out) & (architecture["phase"] == "bin"))],
        timing=timing,
        spectra=_joined(((one, one.spectra) for one in kept), groups),
        bands=_joined(((one, one.bands) for one in kept), groups),
        by_zeitgeber=zeitgeber,
        unit=next((one.unit for one in kept if one.unit), ""),
        failed=tuple(problems),
        notes=(*table.notes, *_notes(kept, table, groups, zeitgeber)),
    )


def write_tables(pooled: Pool, folder: Path) -> list[Path]:
    """Write every table as CSV; return the files. Errors: OutputError."""
    tables = {
        "animals": pooled.animals,
        "architecture": pooled.architecture,
        "timing": pooled.timing,
        "spectra": pooled.spectra,
        "bands": pooled.bands,
    }
    paths = []
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        write_frame(table, path)
        paths.append(path)
    return paths


def write_frame(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV in UTF-8, whole or not at all, with an empty cell for NaN. Errors: OutputError."""
    try:
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None


def _same_epochs(measured: Mapping[int, Measured]) -> tuple[list[Measured], list[FailedRow]]:
    if not measured:
        return [], []
    usual = Counter(one.epoch_s for one in measured.values()).most_common(1)[0][0]
    odd = [
        FailedRow(
            line=line,
            animal=one.animal,
            reason=f"The scores of '{one.animal}' have epochs of {one.epoch_s:g} s, most others have {usual:g} s; "
            "animals are compared at one length.",
        )
        for line, one in measured.items()
        if one.epoch_s != usual
    ]
    return [measured[line] for line in sorted(measured) if measured[line].epoch_s == usual], odd


def _with_reference(groups: list[str], reference: str | None, name: str) -> tuple[str, ...]:
    if reference is None:
        return tuple(groups)
    if reference not in groups:
        there = ", ".join(groups)
        raise SettingError(f"--reference: '{reference}' is no group of {name} with an animal; it has {there}.")
    return (reference, *(group for group in groups if group != reference))


def _joined(tables: Iterable[tuple[Measured, pd.DataFrame]], groups: tuple[str, ...]) -> pd.DataFrame:
    named = [table.assign(group=one.group) for one, table in tables if len(table)]
    joined = pd.concat(named, ignore_index=True) if named else pd.DataFrame(columns=["animal", "group"])
    return joined.assign(group=pd.Categorical(joined["group"], categories=groups))


def _animals(kept: Sequence[Measured], groups: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {
            "animal": one.animal,
            "group": one.group,
            "start": one.start,
            "hours": one.hours,
            "epochs": one.epochs,
            "scored": one.scored,
            "artifacts": one.artifacts,
        }
        for one in kept
    ]
    return pd.DataFrame(rows).astype({"group": pd.CategoricalDtype(groups)})


def _notes(kept: Sequence[Measured], table: CohortTable, groups: tuple[str, ...], zeitgeber: bool) -> tuple[str, ...]:
    hours = [one.hours for one in kept]
    units = sorted({one.unit for one in kept if one.unit})
    notes = [note for one in kept for note in one.notes]
    if max(hours) - min(hours) > SAME_LENGTH_H:
        notes.append(
            f"Recordings differ in length, from {min(hours):.3g} to {max(hours):.3g} h. Shares and rates are of each "
            "animal's scored time; bins that a recording does not reach lack that animal."
        )
    notes += _on_the_clock(kept, zeitgeber, notes)
    if len(units) > 1:
        notes.append(f"EEGs have different units ({', '.join(units)}), so absolute power cannot be compared.")
    notes += [f"No animal of group '{group}' could be analysed." for group in table.groups if group not in groups]
    counts = Counter(one.group for one in kept)
    notes += [
        f"Group '{group}' has one animal, so it cannot be tested against others; it is shown all the same."
        for group in groups
        if counts[group] == 1
    ]
    return tuple(notes)


def _on_the_clock(kept: Sequence[Measured], zeitgeber: bool, said: Sequence[str]) -> list[str]:
    """Say who has no zeitgeber time, where that was not said with the animal."""
    silent = [
        one.animal
        for one in kept
        if not one.by_zeitgeber and not any(f"'{one.animal}' has no zeitgeber" in note for note in said)
    ]
    if zeitgeber:
        return [f"'{one}' has no lights-on time and is left out where bins are zeitgeber time." for one in silent]
    if not silent:
        return ["Bins count from the start of each recording."]
    return [
        "It is not known when the lights went on (--lights-on, or the column lights_on), so bins count from the start "
        "of each recording."
    ]
