"""The web program: routes, pages, headers. `create_app` makes it from its settings, and holds no other state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spindle.service import watch
from spindle.service.api import ROUTERS
from spindle.service.bodies import BoundedBodies, check_words
from spindle.service.context import Context
from spindle.service.openapi import describe_problems, operation_name
from spindle.service.pages import ROUTERS as PAGES
from spindle.service.pages.bokeh_files import bokeh_folder
from spindle.service.problems import install_problems

HERE = Path(__file__).parent

HEADERS = {
    # Bokeh sets the styles of what it draws; scripts are our files and Bokeh's alone.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SafeHeaders:
    """Adds to every answer what browsers must hold themselves to; a route's own word has precedence."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    found.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    found.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def create_app(context: Context) -> FastAPI:
    """Make the web program of a database that is up to date."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        context.database.close()

    app = FastAPI(
        title="SPINDLE",
        version="1",
        description="Sleep scoring for laboratories. Errors are RFC 9457 problem details.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_name,
        lifespan=lifespan,
    )
    app.state.context = context
    app.state.metrics = watch.Metrics()
    install_problems(app)
    describe_problems(app)
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1", dependencies=[Depends(check_words)])
    for router in PAGES:
        app.include_router(router)
    app.include_router(watch.router)
    app.mount("/static/bokeh", StaticFiles(directory=bokeh_folder()), name="bokeh")
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_middleware(BoundedBodies)
    app.add_middleware(watch.Watch, metrics=app.state.metrics)
    app.add_middleware(SafeHeaders, secure=context.settings.web.is_secure)
    return app
