"""Errors as the API answers them: always `{"error": {"code", "message", "fields"}}`, whatever went wrong."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

from kayse_dash.api.answers import json_answer
from kayse_dash.db import db
from kayse_dash.errors import KayseError


class BadRequest(KayseError):
    """The body is no JSON."""

    status = 400
    code = "bad_request"


class Unauthorized(KayseError):
    """No key, or none of ours."""

    status = 401
    code = "unauthorized"


class UnsupportedMediaType(KayseError):
    """The body is something else than plain JSON."""

    status = 415
    code = "unsupported_media_type"


class ErrorDetail(BaseModel):
    code: str = Field(description="One word for programs, such as `invalid_input`.", examples=["invalid_input"])
    message: str = Field(description="What is wrong, in words for people.", examples=["Please check the fields that are named."])
    fields: dict[str, str] = Field(
        description="What is wrong with which field: a dotted path, and a sentence. At most 50.",
        examples=[{"data.duration_seconds": "This must be a number, not text."}],
    )


class ErrorAnswer(BaseModel):
    """What every error is answered with."""

    error: ErrorDetail


_WORDS = {
    400: ("bad_request", "The request could not be read."),
    404: ("not_found", "There is no such address. Look at /v1/openapi.json for those there are."),
    405: ("method_not_allowed", "This address does not take this method."),
    408: ("request_timeout", "The request did not arrive in time."),
    413: ("too_large", "The body is larger than 1 MiB. Send less at once; events can be sent in several batches."),
    415: ("unsupported_media_type", "Send the body as JSON, with the header Content-Type: application/json."),
    429: ("too_many_requests", "Too many requests. Wait as many seconds as the header Retry-After says."),
    500: ("internal_error", "Something went wrong on our side. It was written to the log; please try again."),
}
_PASSED_ON = frozenset({"allow", "retry-after"})

RESPONSES = dict.fromkeys((401, 429, 500), ErrorAnswer)
OF_BODY = dict.fromkeys((400, 413, 415, 422), ErrorAnswer)
OF_QUERY = {422: ErrorAnswer}
OF_PATH = {404: ErrorAnswer}
OF_STATE = {409: ErrorAnswer}


def render(status: int, error: KayseError | HTTPException) -> Response:
    """The answer to an error below /v1. What the request had begun in the database is undone."""
    db.session.rollback()
    if isinstance(error, KayseError):
        response = answer(status, error.code, str(error), getattr(error, "fields", {}))
    else:
        code, message = _WORDS.get(status, ("error", f"{error.name}."))
        response = answer(status, code, message)
        for name, value in error.get_headers():
            if name.lower() in _PASSED_ON:
                response.headers[name] = value
    if status == 401:
        # Required by RFC 9110 section 15.5.2; the scheme has no registered name.
        response.headers["WWW-Authenticate"] = 'ApiKey header="X-API-KEY"'
    return response


def answer(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> Response:
    """An error in the form of `ErrorAnswer`."""
    return json_answer({"error": {"code": code, "message": message, "fields": fields or {}}}, status)
