"""The OpenAPI document: names of operations that stay, and what is answered when something cannot be done.

FastAPI describes neither the form that errors have here nor those that every route may give; both are added once, for
all routes, so that none has to name them.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from spindle.service.problems import MEDIA_TYPE

PROBLEM = {
    "title": "Problem",
    "description": "What cannot be done, as RFC 9457 has it: `detail` is one sentence for the user.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "what"],
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}

SAID = {
    "401": "Nobody is signed in, and no token was sent.",
    "404": "There is no such thing, or it belongs to somebody else.",
    "422": "The request cannot be understood, or what was sent cannot be used.",
    "default": "The request cannot be fulfilled.",
}

_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")


def operation_name(route: Any) -> str:
    """Name an operation by its function, so that programs made from the document keep working."""
    return str(route.name)


def describe_problems(app: FastAPI) -> None:
    """Have the document of this program say in what form errors come, whenever it is asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            app.openapi_schema = with_problems(found)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the document


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the form of errors in every operation; the document itself is changed."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if method in _METHODS:
                _describe(operation, names_something="{" in path)
    return document


def _describe(operation: dict[str, Any], *, names_something: bool) -> None:
    if operation.get("description"):
        # Better than the name of the function in capitals.
        operation["summary"] = operation["description"].partition("\n")[0].partition(". ")[0].rstrip(".:;")
    responses = operation.setdefault("responses", {})
    always = ["default"]
    if operation.get("security"):
        always.append("401")
    if names_something:
        always.append("404")
    for status in always:
        responses.setdefault(status, {})
    for status, response in responses.items():
        if status == "default" or status.startswith(("4", "5")):
            if not response.get("description") or status == "422":
                response["description"] = SAID.get(status, response.get("description", SAID["default"]))
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
