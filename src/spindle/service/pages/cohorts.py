"""Pages of cohorts: the list, and one with its groups, its analysis and its figures."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from spindle.options import AnalysisOptions
from spindle.service.guard import InContext, own
from spindle.service.pages.render import Reader, render
from spindle.service.tables import Cohort

router = APIRouter(include_in_schema=False, prefix="/cohorts")


@router.get("")
def cohorts(user: Reader) -> HTMLResponse:
    """List the cohorts."""
    return render("cohorts.html", user=user, place="cohorts")


@router.get("/{cohort_id}")
def cohort(cohort_id: str, user: Reader, context: InContext) -> HTMLResponse:
    """Show one cohort."""
    found = own(context, user, Cohort, cohort_id, "cohort")
    return render("cohort.html", user=user, place="cohorts", cohort=found, settings=_settings())


def _settings() -> list[dict[str, Any]]:
    """Describe the options of an analysis for a form: one source with the command line's."""
    hints = get_type_hints(AnalysisOptions)
    described = []
    for one in fields(AnalysisOptions):
        kind = hints[one.name]
        choices = list(get_args(kind)) if get_origin(kind) is Literal else None
        described.append(
            {
                "name": one.name,
                "label": one.name.replace("_", " ").capitalize(),
                "help": one.metadata["help"],
                "choices": choices,
                "usual": one.default,
                "type": "checkbox" if kind is bool else "number" if kind in (int, float, float | None) else "text",
            }
        )
    return described
