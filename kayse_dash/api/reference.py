"""`/v1/openapi.json`: the description of the API, made from its routes, its models and the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kayse_dash.api import errors, inputs, schemas
from kayse_dash.api.answers import json_answer
from kayse_dash.events import catalogue
from kayse_dash.events.catalogue import EventType

REF = "#/components/schemas/{model}"

bp = APIBlueprint(
    "api_reference",
    __name__,
    url_prefix="/v1",
    abp_tags=[Tag(name="Reference", description="The description of this API.")],
    abp_responses={status: model for status, model in errors.RESPONSES.items() if status != 401},
    operation_id_callback=lambda *, name, path, method: name,
)


@bp.get("/openapi.json", responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}})
def get_openapi() -> Response:
    """This description (OpenAPI 3.1). It needs no key."""
    kept = current_app.extensions.get("kayse_openapi")
    if kept is None:
        kept = current_app.extensions["kayse_openapi"] = document(current_app)
    return json_answer(kept)


def document(app: Any) -> dict[str, Any]:
    """The OpenAPI 3.1 description of the application's routes below /v1.

    The routes are as flask-openapi3 describes them. The schemas are pydantic's own: the library's model of a schema drops
    examples and definitions, and knows no type that is a list.
    """
    described = app.api_doc
    schemas_of_models = dict(_component_schemas())
    for kind in catalogue.CATALOGUE.values():
        schemas_of_models[_data_name(kind)] = {name: value for name, value in kind.schema.items() if name != "$schema"}
    paths = {path: {method: _operation(one) for method, one in item.items()} for path, item in described["paths"].items()}
    return {
        "openapi": described["openapi"],
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": described["info"],
        "servers": [{"url": app.extensions["kayse_settings"].base_url}],
        "tags": described["tags"],
        "paths": paths,
        "webhooks": {kind.name: {"post": _delivery(kind)} for kind in catalogue.CATALOGUE.values()},
        "components": {"schemas": schemas_of_models, "securitySchemes": described["components"]["securitySchemes"]},
    }


def _component_schemas() -> Iterator[tuple[str, Any]]:
    bodies = [(model, "validation") for model in _below(inputs.Body)]
    answers = [(model, "serialization") for model in (*_below(schemas.Answer), errors.ErrorAnswer)]
    _, defined = models_json_schema([*bodies, *answers], ref_template=REF)
    for name, schema in defined["$defs"].items():
        yield name, _tidy(schema)


def _below(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _below(model)


def _operation(described: dict[str, Any]) -> dict[str, Any]:
    """An operation without what the library adds that is not true here, and with line breaks for its `<br/>`."""
    responses = {
        status: found for status, found in sorted(described["responses"].items()) if not (status == "422" and _is_added(found))
    }
    made = {**described, "responses": responses}
    if words := described.get("description", "").removeprefix("<br/>"):
        made["description"] = words.replace("<br/>", "\n")
    if parameters := described.get("parameters"):
        made["parameters"] = [{**one, "schema": _given(_tidy(one["schema"]))} for one in parameters]
    return made


def _is_added(response: dict[str, Any]) -> bool:
    """Whether this is the list of errors that the library says every route answers with."""
    return response["content"]["application/json"]["schema"].get("type") == "array"


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is there: an address cannot carry null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]} if len(kinds) == 1 else schema


def _tidy(schema: Any) -> Any:
    """Without the null default of what may be left out, and with whole limits as whole numbers."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return int(schema) if isinstance(schema, float) and schema.is_integer() else schema
    return {name: _tidy(value) for name, value in schema.items() if not (name == "default" and value is None)}


def _data_name(kind: EventType) -> str:
    return f"Data_{kind.name}"


def _delivery(kind: EventType) -> dict[str, Any]:
    """What a webhook receives for one kind of event."""
    body = {
        "type": "object",
        "required": ["event", "timestamp", "data"],
        "properties": {
            "event": {"const": kind.name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": REF.format(model=_data_name(kind))},
        },
    }
    example = {"event": kind.name, "timestamp": catalogue.SAMPLE_TIME, "data": kind.sample}
    return {
        "summary": kind.label,
        "description": f"{kind.meaning} {kind.fires}",
        "operationId": f"receive_{kind.name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "example": example}}},
        "responses": {"2XX": {"description": "It was received. Anything else is tried again."}},
    }
