"""Reading what a request carries into pydantic models, and saying in plain words what is wrong with it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from kayse_dash.api.errors import BadRequest, UnsupportedMediaType
from kayse_dash.errors import InvalidInput, NotFound

MOST_FAULTS = 50
LONGEST_SHOWN = 60  # characters of a name that came from outside

Model = TypeVar("Model", bound=BaseModel)
Content = TypeVar("Content", bound="Body")


class Body(BaseModel):
    """Base of request bodies: JSON types as they are, no unknown fields.

    `openapi_extra["required"]` says whether the body may be left out.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """The body from its JSON object.

        Raises:
            InvalidInput: by field.
        """
        return checked(cls, given)


class Query(BaseModel):
    """Base of the parameters in an address or in headers."""

    model_config = ConfigDict(extra="forbid")


def body(model: type[Content]) -> Content:
    """The body of the request.

    Raises:
        BadRequest: it is no JSON.
        RequestEntityTooLarge: it is larger than is taken.
        UnsupportedMediaType: it is not said to be JSON, or is compressed.
        InvalidInput: by field.
    """
    raw = _raw()
    if not raw and not model.model_config.get("openapi_extra", {}).get("required", True):
        return model()
    value = _json(raw)
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object, such as {}.")
    return model.read(value)


def query(model: type[Model]) -> Model:
    """The parameters in the address; an empty one counts as not given.

    Raises:
        InvalidInput: by parameter.
    """
    given = {name: values for name, values in request.args.lists() if values != [""]}
    twice = {shown(name): "Give this once only." for name, values in given.items() if len(values) > 1}
    if twice:
        raise refusal(twice)
    return checked(model, {name: values[0] for name, values in given.items()})


def header(model: type[Model]) -> Model:
    """The headers that `model` names by alias.

    Raises:
        InvalidInput: by header.
    """
    names = [field.alias for field in model.model_fields.values() if field.alias]
    return checked(model, {name: request.headers[name] for name in names if name in request.headers})


def path(model: type[Model], given: Mapping[str, Any]) -> Model:
    """The ids in the address.

    Raises:
        NotFound: no record can have such an id.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise NotFound("There is nothing with this id.") from error


def checked(model: type[Model], given: Mapping[str, Any]) -> Model:
    """`given` as the model.

    Raises:
        InvalidInput: by field.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refusal(faults_of(error, model.model_fields)) from error


def refusal(faults: Mapping[str, str]) -> InvalidInput:
    """The error for faults by field; the first 50 of them are named."""
    named = dict(list(faults.items())[:MOST_FAULTS])
    more = f" The first {MOST_FAULTS} faults are named." if len(faults) > MOST_FAULTS else ""
    return InvalidInput(f"Please check the fields that are named.{more}", named)


def faults_of(error: ValidationError, known: Iterable[str] = ()) -> dict[str, str]:
    """What pydantic found, as dotted paths and sentences; one more than can be named at most.

    Args:
        known: the names that could have been meant by an unknown one.
    """
    faults: dict[str, str] = {}
    for found in error.errors(include_url=False, include_input=False):
        faults.setdefault(".".join(shown(str(name)) for name in found["loc"]), _words(found, known))
        if len(faults) > MOST_FAULTS:
            break
    return faults


def _raw() -> bytes:
    raw = request.get_data()
    # A body that does not say its length is cut at the limit without an error.
    if request.content_length is None and len(raw) >= (request.max_content_length or math.inf):
        raise RequestEntityTooLarge
    return raw


def _json(raw: bytes) -> Any:
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body uncompressed, without the header Content-Encoding.")
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as JSON, with the header Content-Type: application/json.")
    if not raw:
        raise BadRequest("The body is empty. Send a JSON object.")
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not valid JSON in UTF-8: {error}.") from error


_SENTENCES = {
    "missing": "This is missing.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "bool_type": "Say true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object, such as {{}}.",
    "model_type": "This must be an object, such as {{}}.",
    "model_attributes_type": "This must be an object, such as {{}}.",
    "literal_error": "Choose one of {expected}.",
    "enum": "Choose one of {expected}.",
    "string_too_long": "This may have at most {max_length} characters.",
    "string_too_short": "This needs at least {min_length} characters.",
    "too_long": "At most {max_length} are taken at once.",
    "too_short": "At least {min_length} is needed.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
}


def _words(found: Mapping[str, Any], known: Iterable[str]) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        guess = difflib.get_close_matches(str(found["loc"][-1])[:LONGEST_SHOWN], list(known), n=1)
        return "There is no such field." + (f" Did you mean {guess[0]}?" if guess else "")
    return _SENTENCES.get(kind, "This cannot be used here.").format(**context)


def shown(name: str) -> str:
    """A name from outside as it can be said back."""
    name = name.encode("utf-8", "replace").decode()
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
