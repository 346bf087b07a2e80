"""`/docs` and `/redoc`: pages that need no internet, and may load and run nothing but their own parts."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline

__all__ = ["documented_api"]

_ASSETS = "/static-offline-docs"
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def documented_api(**options: object) -> FastAPI:
    """A FastAPI application with both pages; takes the options of `FastAPI`."""
    api: FastAPI = FastAPIOffline(docs_url=None, redoc_url=None, static_url=_ASSETS, **options)

    @api.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]
        root = request.scope.get("root_path", "")
        return _guarded(
            get_swagger_ui_html(
                openapi_url=f"{root}/openapi.json",
                title=f"{api.title} - Swagger UI",
                swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
                swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
                swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
            )
        )

    @api.get("/redoc", include_in_schema=False)
    async def redoc(request: Request) -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]
        root = request.scope.get("root_path", "")
        return _guarded(
            get_redoc_html(
                openapi_url=f"{root}/openapi.json",
                title=f"{api.title} - ReDoc",
                redoc_js_url=f"{root}{_ASSETS}/redoc.standalone.js",
                redoc_favicon_url=f"{root}{_ASSETS}/favicon.png",
                with_google_fonts=False,
            )
        )

    return api


def _guarded(page: HTMLResponse) -> HTMLResponse:
    """Of scripts in the page itself, only those it was made with run."""
    hashes = [
        base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _SCRIPT.findall(page.body)
    ]
    own = " ".join(["'self'", *(f"'sha256-{one}'" for one in hashes)])
    page.headers["content-security-policy"] = (
        f"default-src 'none'; script-src {own}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page
