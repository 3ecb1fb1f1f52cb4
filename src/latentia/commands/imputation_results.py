"""What commands write and say of images that were reconstructed from known pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from latentia.command_line.screen import say, show
from latentia.commands.options import ModelOptions
from latentia.commands.results import write_results
from latentia.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from latentia.data import FieldSet
    from latentia.models.base import MultitaskModel
    from latentia.runs import Run
    from latentia.uses import Imputation

THESIS_UNIT = 1e-4
"""Squared errors are said in this unit, as thesis B's tables have them."""


def with_known_pixels(run: Run) -> MultitaskModel:
    """Give the model of a run that takes known pixels. Errors: SettingError for another one."""
    from latentia.models.base import MultitaskModel

    model = run.model
    if not isinstance(model, MultitaskModel) or model.decoders == "plain":
        raise SettingError(
            f"The model of {run.folder.path} takes no known pixels; a multitask_gaussian_vae or vq_vae with "
            "model.decoders multi or single does."
        )
    return model


def write_imputation(arguments: ModelOptions, run: Run, folder: str, name: str, imputation: Imputation) -> None:
    """Write picture and arrays, fields in the file's units, and say the errors. Errors: as `write_results`."""
    from latentia.uses import FieldColours, ShareColours, draw_imputation

    fields = run.fields()
    picture = draw_imputation(imputation, ShareColours() if fields is None else FieldColours(fields=fields))
    write_results(arguments.folder(folder), name, picture, _arrays(imputation, fields))
    known = imputation.mask.flatten(1).sum(1).double()
    pixels = imputation.mask[0].numel()
    say(f"Known are {known.mean():.4g} of {pixels} pixels{' on average' if len(known) > 1 else ''}.")
    if not imputation.from_latent.isnan().all():
        show([_errors(imputation)])


def _arrays(imputation: Imputation, fields: FieldSet | None) -> dict[str, Any]:
    """All arrays by name; without samples, those that are not made of them."""
    values: dict[str, Tensor] = {
        "originals": imputation.originals,
        "from_latent": imputation.from_latent,
        "from_both": imputation.from_both,
    }
    spread: dict[str, Tensor] = {}
    if len(imputation.from_pixels):
        values |= {"from_pixels": imputation.from_pixels, "mean": imputation.mean, "completed": imputation.completed}
        spread["standard_deviation"] = imputation.standard_deviation
    if fields is not None:
        zero = fields.physical(imputation.originals.new_zeros(fields.format.shape))
        values = {name: fields.physical(one) for name, one in values.items()}
        spread = {name: fields.physical(one) - zero for name, one in spread.items()}
    return {**values, **spread, "mask": imputation.mask}


def _errors(imputation: Imputation) -> Table:
    rows = {"from z": imputation.from_latent, "from z and known pixels": imputation.from_both}
    if count := len(imputation.from_pixels):
        rows[f"from known pixels, mean of {count}"] = imputation.mean
    table = Table(title="mean squared error ×1e-4", title_justify="left")
    table.add_column("reconstruction")
    table.add_column("all pixels", justify="right")
    table.add_column("unknown ones", justify="right")
    for name, estimate in rows.items():
        errors = (imputation.squared_error(estimate, unknown=unknown) for unknown in (False, True))
        table.add_row(name, *(f"{float(one.nanmean()) / THESIS_UNIT:.4g}" for one in errors))
    return table
