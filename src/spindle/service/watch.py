"""What the operator sees: one line of JSON per request, health, and metrics for Prometheus.

Lines name routes and accounts' ids, never names, files or addresses.
"""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spindle.service.guard import InContext
from spindle.service.tables import Job, JobState

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

router = APIRouter(include_in_schema=False)
_PLACE = re.compile(r"{(\w+)(?::\w+)?}")
_log = logging.getLogger("spindle.service")


class Metrics:
    """Counters of one web program."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "spindle_requests_total",
            "Requests by route and answer",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "spindle_request_seconds", "Time to the end of the answer", ["route"], registry=self.registry
        )
        self.jobs = Gauge("spindle_jobs", "Jobs by state", ["state"], registry=self.registry)


class Watch:
    """Counts and logs each request when its answer has ended."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            _log.info(
                json.dumps(
                    {
                        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                        "method": method,
                        "route": route,
                        "status": status,
                        "ms": round(seconds * 1000, 1),
                    }
                )
            )


@router.get("/health")
def health(context: InContext) -> JSONResponse:
    """Say whether the database answers; 503 where it does not."""
    try:
        with context.database.reading() as session:
            session.execute(select(1))
    except SQLAlchemyError:
        return JSONResponse({"status": "the database does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})


@router.get("/metrics")
def metrics(request: Request, context: InContext) -> PlainTextResponse:
    """Give all counters, and how many jobs stand where."""
    found: Metrics = request.app.state.metrics
    with context.database.reading() as session:
        counts = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
    for state in JobState:
        found.jobs.labels(state).set(counts.get(state, 0))
    return PlainTextResponse(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)


def _route_of(scope: Scope) -> str:
    """Name the route without what its user filled in, so that there are few of them and none names anything.

    A counter is kept for each name as long as the program lives: strangers must not be able to make new ones.
    """
    path, template = str(scope["path"]), str(getattr(scope.get("route"), "path", ""))
    if not template or "endpoint" not in scope:
        return "static" if path.startswith("/static/") else "none"
    filled = _PLACE.sub(lambda found: str(scope.get("path_params", {}).get(found[1])), template)
    # A route may not know what its router was included under.
    return path.removesuffix(filled) + template if path.endswith(filled) else template
