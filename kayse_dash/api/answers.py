"""Making answers: JSON, kept in the order in which it was written."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from pydantic import BaseModel


def json_answer(value: BaseModel | dict[str, Any], status: int = 200) -> Response:
    """`value` as a JSON answer that no cache keeps; fields of a model that were not given are left out."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True)
    # A lone surrogate cannot be sent as UTF-8; no stored text may make an answer fail.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(text, status, {"Cache-Control": "no-store"}, mimetype="application/json")


def nothing() -> Response:
    """The answer when there is nothing to say."""
    return Response(status=204)
