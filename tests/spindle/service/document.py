"""The OpenAPI document as tests read it: every operation, and a request for it that could be meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One line of the document."""

    method: str
    path: str
    about: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.about.get("parameters", []) if one["in"] == place]

    def body(self, known: Mapping[str, Any]) -> Any:
        """A JSON body with what it must have, and what `known` gives for names that it may have; None without one."""
        content = self.about.get("requestBody", {}).get("content", {})
        return self._example(content["application/json"]["schema"], known) if "application/json" in content else None

    def query(self, known: Mapping[str, Any]) -> dict[str, Any]:
        return {
            one["name"]: known[one["name"]] if one["name"] in known else self._example(one["schema"], known)
            for one in self.parameters("query")
            if one.get("required") or one["name"] in known
        }

    def _example(self, schema: Mapping[str, Any], known: Mapping[str, Any], name: str = "") -> Any:
        if "$ref" in schema:
            return self._example(self.schemas[schema["$ref"].rpartition("/")[2]], known, name)
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self._example(schema[choice][0], known, name)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        kind = schema.get("type", "object")
        if kind == "object":
            wanted = schema.get("properties", {})
            must = schema.get("required", [])
            return {one: self._example(wanted[one], known, one) for one in wanted if one in must or one in known}
        if kind == "array":
            return [self._example(schema["items"], known, name.removesuffix("s"))] * max(1, schema.get("minItems", 1))
        if kind in ("integer", "number"):
            least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            most = schema.get("maximum", schema.get("exclusiveMaximum", least + 2))
            return least if "minimum" in schema else (least + most) / 2 if kind == "number" else least + 1
        if kind == "boolean":
            return True
        return known.get(name, "x" * max(1, schema.get("minLength", 1))) if kind == "string" else None


def operations(app: FastAPI) -> Iterator[Operation]:
    """Every operation of the program's document."""
    found = app.openapi()
    for path, methods in found["paths"].items():
        for method, about in methods.items():
            if method in METHODS:
                yield Operation(method=method, path=path, about=about, schemas=found["components"]["schemas"])
