"""What every page shares: page or fragment, messages, paging, entity tags, errors in words, security headers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from htmx_flask import Htmx
from werkzeug.exceptions import HTTPException

from kayse_dash.errors import Conflict, Forbidden, InvalidInput, KayseError, NotFound

csrf = CSRFProtect()
htmx = Htmx()

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Every rendering has its own token, and each stays good: it does not make an answer another answer.
CSRF_TOKEN = re.compile(r'name="csrf_token" value="[^"]*"')


def wants_fragment() -> bool:
    """Whether htmx asked for a part of the page rather than the page."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def page_or_fragment(page: str, fragment: str, *, status: int = 200, **context: Any) -> Response:
    """Answer with the whole page, or with its fragment where htmx asked for that.

    The only place that looks at htmx's headers. A fragment read with GET carries an entity tag, so that polling an
    unchanged list costs a 304.
    """
    as_fragment = wants_fragment()
    body = render_template(fragment if as_fragment else page, **context)
    if as_fragment and request.method != "GET":
        body += render_template("_flash_oob.html")
    response = Response(body, status=status, mimetype="text/html")
    if as_fragment and request.method == "GET" and status == 200:
        response.set_etag(blake2b(CSRF_TOKEN.sub("", body).encode(), digest_size=12).hexdigest())
        response.make_conditional(request)
    return response


def template_source(name: str) -> str:
    """The text of a file in the templates folder as it stands, for code samples that a page shows."""
    environment = current_app.jinja_env
    return environment.loader.get_source(environment, name)[0] if environment.loader else ""


def go(endpoint: str, **values: Any) -> Response:
    """Send the browser to another page after a successful post (303; htmx follows by HX-Redirect)."""
    target = url_for(endpoint, **values)
    if request.htmx:
        return Response(status=204, headers={"HX-Redirect": target})
    return redirect(target, code=303)


def local_path(target: str | None, otherwise: str) -> str:
    """`target` if it is a path of this site, else `otherwise`; so a link cannot carry people elsewhere after login."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\n" in target or "\r" in target:
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc else target


def encode_cursor(*values: Any) -> str:
    """An opaque cursor of a keyset page."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_cursor(text: str | None) -> list[Any] | None:
    """The values of `encode_cursor`; None for none.

    Raises:
        InvalidInput: the text is no cursor of ours.
    """
    if not text:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list):
            raise ValueError
        return values
    except (ValueError, RecursionError) as error:
        fault = {"cursor": "This is not a cursor that an earlier answer gave."}
        raise InvalidInput("This page of the list cannot be found.", fault) from error


def answer_errors_below(app: Flask, prefix: str, render: Callable[[int, KayseError | HTTPException], Response]) -> None:
    """Let `render(status, error)` answer errors of paths below `prefix` instead of the error page."""
    app.extensions.setdefault("kayse_error_views", {})[prefix] = render


def _other_view(status: int, error: KayseError | HTTPException) -> Response | None:
    for prefix, render in current_app.extensions.get("kayse_error_views", {}).items():
        if request.path.startswith(prefix):
            return render(status, error)
    return None


def init_app(app: Flask) -> None:
    csrf.init_app(app)
    htmx.init_app(app)
    app.after_request(_headers)
    app.register_error_handler(CSRFError, _csrf_failed)
    app.register_error_handler(KayseError, _kayse_error)
    app.register_error_handler(HTTPException, _http_error)


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.vary.add("HX-Request")
        if "ETag" not in response.headers:
            response.headers.setdefault("Cache-Control", "no-store")
        else:
            response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _csrf_failed(_error: CSRFError) -> Response:
    return error_page(400, "This form is too old", "Nothing was changed. Go back, reload the page and send it again.")


def _kayse_error(error: KayseError) -> Response:
    if error.status >= 500:
        current_app.logger.error("%s: %s", type(error).__name__, error)
    if other := _other_view(error.status, error):
        return other
    title = next((title for kind, title in TITLES.items() if isinstance(error, kind)), "Something went wrong")
    return error_page(error.status, title, str(error))


TITLES = {
    NotFound: "Not found",
    Conflict: "That is not possible now",
    Forbidden: "Not for your role",
    InvalidInput: "Please check what was sent",
}
WORDS = {
    400: ("The request could not be read", "Go back, reload the page and try again."),
    403: ("Not for your role", "Ask an administrator if you need this."),
    404: ("There is no such page", "The link may be old, or what it named was deleted."),
    405: ("That does not work here", "Go back and use the button on the page."),
    413: ("That is too large", "Send less at once."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong on our side", "Nothing you typed did this. It was written to the log; please try again."),
}


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response
    code = error.code or 500
    if other := _other_view(code, error):
        return other
    title, words = WORDS.get(code, (error.name, "Go back and try again."))
    response = error_page(code, title, words)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def error_page(code: int, title: str, words: str) -> Response:
    """An error as a page, or for htmx as a message in the flash region."""
    if wants_fragment():
        flash(f"{title}. {words}", "error")
        return Response(render_template("_flash_oob.html"), status=code, mimetype="text/html", headers={"HX-Reswap": "none"})
    return Response(render_template("error.html", code=code, title=title, words=words), status=code, mimetype="text/html")
