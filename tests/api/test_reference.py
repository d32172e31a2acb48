"""`/v1/openapi.json` is true: of every route, of what they take, and of what they answer."""

from __future__ import annotations

import re
from datetime import timedelta

import jsonschema_rs
import pytest

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.webhooks.models import Endpoint
from kayse_dash.webhooks.schedule import State
from tests.api.test_hostile import ROWS
from tests.factories import make_attempt, make_delivery, make_endpoint


@pytest.fixture
def document(api):
    answer = api.get("/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json


def operations(document):
    return {(method, path): found for path, item in document["paths"].items() for method, found in item.items()}


def closed(schema):
    """The same schema, taking no properties but those it names."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    return made | ({"additionalProperties": False} if "properties" in made and "additionalProperties" not in made else {})


def check(document, schema, value):
    schemas = document["components"]["schemas"]
    # What happened may hold fields that we do not know; our own answers may not.
    components = {name: found if name.startswith("Data_") else closed(found) for name, found in schemas.items()}
    whole = {"$schema": document["jsonSchemaDialect"], **schema, "components": {"schemas": components}}
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)


def content(part):
    return part["content"]["application/json"]["schema"]


def test_every_route_is_described_and_nothing_else(app, document):
    described = {(method.upper(), path) for method, path in operations(document)}
    there = {
        (method, re.sub(r"<([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == there


def test_it_is_openapi_3_1_and_holds_together(document):
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Kayse Dash API"
    assert set(document["webhooks"]) == set(CATALOGUE)
    found = re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"'))
    assert found
    assert set(found) <= set(document["components"]["schemas"])
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": document["jsonSchemaDialect"], **schema}), name
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))


def test_every_operation_says_what_it_needs_and_what_it_answers(document):
    assert document["components"]["securitySchemes"]["api_key"] == {"type": "apiKey", "name": "X-API-KEY", "in": "header"}
    for (method, path), operation in operations(document).items():
        assert operation["summary"].endswith("."), path
        assert "<br/>" not in str(operation)
        assert (operation.get("security") == [{"api_key": []}]) == (path != "/v1/openapi.json"), path
        in_path = [one for one in operation.get("parameters", []) if one["in"] == "path"]
        assert all(one["required"] for one in in_path)
        assert {one["name"] for one in in_path} == set(re.findall(r"{(\w+)}", path))
        statuses = set(operation["responses"])
        succeeds = sorted(status for status in statuses if status < "300")
        assert succeeds == ["200", "201"] if operation["operationId"] == "save_client" else len(succeeds) == 1
        assert {"401", "500"} <= statuses or path == "/v1/openapi.json"
        assert ("404" in statuses) == ("{" in path)
        assert ({"400", "413", "415", "422"} <= statuses) == ("requestBody" in operation)
        for status, response in operation["responses"].items():
            if status >= "400":
                assert content(response) == {"$ref": "#/components/schemas/ErrorAnswer"}, (method, path, status)


def test_parameters_have_their_limits(document):
    found = {
        (operation["operationId"], parameter["name"]): parameter["schema"]
        for operation in operations(document).values()
        for parameter in operation.get("parameters", [])
    }
    assert found["list_events", "limit"].items() >= {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}.items()
    assert found["list_webhooks", "page_size"].items() >= {"minimum": 1, "maximum": 100, "default": 25}.items()
    assert found["send_events", "Idempotency-Key"].items() >= {"type": "string", "minLength": 1, "maxLength": 255}.items()
    assert found["list_events", "event"]["enum"] == list(CATALOGUE)
    assert found["list_deliveries", "since"]["format"] == "date-time"
    assert found["get_webhook", "webhook_id"].items() >= {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}.items()


def test_the_examples_are_valid_and_are_taken(api, document):
    make_endpoint()
    examples = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == {*CATALOGUE, "batch"}
    for example in examples.values():
        check(document, content(document["paths"]["/v1/events"]["post"]["requestBody"]), example["value"])
        assert api.post("/v1/events", json=example["value"]).status_code == 202
    for described in document["webhooks"].values():
        media = described["post"]["requestBody"]["content"]["application/json"]
        check(document, media["schema"], media["example"])


class Checked:
    """Calls that check each answer, and each body that was taken, against the description."""

    def __init__(self, api, document):
        self.api, self.document, self.seen = api, document, set()

    def __call__(self, method, path, body=None, *, expect=200):
        answer = self.api.open(f"/v1/{path}", method=method, json=body)
        assert answer.status_code == expect, (method, path, answer.json)
        template, operation = self.find(method, f"/v1/{path}".partition("?")[0])
        response = operation["responses"][str(expect)]
        if "content" in response:
            check(self.document, content(response), answer.json)
        else:
            assert answer.data == b""
        if body is not None and expect < 300:
            check(self.document, content(operation["requestBody"]), body)
        if expect < 300:
            self.seen.add((method.lower(), template))
        return answer.json if answer.data else None

    def find(self, method, path):
        for (its_method, template), operation in operations(self.document).items():
            if its_method == method.lower() and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                return template, operation
        raise AssertionError(f"{method} {path} is not described")


def test_real_answers_are_as_described(api, document):
    call = Checked(api, document)
    call("GET", "openapi.json")
    campaign = call("POST", "campaigns", {"name": "January", "case_type": "Auto"}, expect=201)["id"]
    call("GET", f"campaigns/{campaign}")
    call("PATCH", f"campaigns/{campaign}", {"active": False})
    call("GET", "campaigns?page_size=1")
    kinds = [
        {"type": "none"},
        {"type": "api_key", "value": "12345"},
        {"type": "basic", "username": "firm", "password": "12345"},
        {"type": "bearer", "token": "12345"},
        {"type": "oauth2", "token_url": "http://127.0.0.1:9/", "client_id": "a", "client_secret": "b"},
        {"type": "hmac"},
    ]
    for kind in kinds:
        given = {"name": "Case management", "url": "http://127.0.0.1:9/", "auth": kind, "campaign_ids": [campaign]}
        hook = call("POST", "webhooks", given, expect=201)["id"]
    call("DELETE", f"campaigns/{campaign}", expect=409)
    call("GET", "webhooks")
    call("GET", f"webhooks/{hook}")
    call("POST", f"webhooks/{hook}/test", {"event": "case.updated"}, expect=202)
    call("POST", f"webhooks/{hook}/rotate-secret", {"overlap_hours": 1})
    call("PATCH", f"webhooks/{hook}", {"campaign_ids": [], "auth": None})
    call("POST", f"webhooks/{hook}/disable", {"reason": "Moving"})
    call("POST", "events", {"event": "call_ended", "data": {"id": "c"}, "id": "e1", "campaign_id": campaign}, expect=202)
    call("POST", "events", {"events": [{"event": "call_ended", "data": {}}] * 2}, expect=202)
    call("POST", "events", {"event": "call_ended", "data": {}, "id": "e1"}, expect=409)
    call("POST", "events", {"event": "call_ended"}, expect=422)
    call("GET", "events?limit=2&test=true")
    call("GET", "events/e1")
    call("GET", "events/e2", expect=404)
    since = clock.iso(clock.now() - timedelta(hours=1))
    recovery = call("POST", f"webhooks/{hook}/enable", {"held": "send", "since": since})["recovery_id"]
    call("GET", f"webhooks/{hook}/recoveries/{recovery}")
    call("POST", f"webhooks/{hook}/recoveries/{recovery}/cancel")
    failed = make_delivery(endpoint=db.session.get(Endpoint, hook), state=State.FAILED)
    make_attempt(delivery=failed, error="timeout", status=None)
    make_attempt(delivery=failed, status=500)
    call("POST", f"webhooks/{hook}/retry-failed", {}, expect=202)
    call("GET", f"deliveries?webhook_id={hook}&state=failed")
    call("GET", f"deliveries/{failed.id}")
    call("POST", f"deliveries/{failed.id}/retry", expect=202)
    call("POST", f"deliveries/{failed.id}/cancel")
    call("POST", f"deliveries/{failed.id}/cancel", expect=409)
    call("DELETE", f"webhooks/{hook}", expect=204)
    unused = call("POST", "campaigns", {"name": "February"}, expect=201)["id"]
    call("DELETE", f"campaigns/{unused}", expect=204)
    people(call)
    assert set(operations(document)) == call.seen


def people(call):
    new = {
        "first_name": "Dana", "mobile": "(202) 555-0147",
        "emails": ["dana@example.com", {"value": "d@example.com", "primary": True}],
        "external_source": "clio", "external_source_id": "CL-1042", "date_of_birth": "1980-12-31", "case_ids": [7],
        "addresses": [{"address_line1": "12 Main St", "city": "Boston", "state": "MA", "primary": True}],
    }  # fmt: skip
    client = call("POST", "clients", new, expect=201)["id"]
    call("POST", "clients", {"external_source": "clio", "external_source_id": "CL-1042", "last_name": "Whitfield"})
    call("GET", f"clients/{client}")
    call("PATCH", f"clients/{client}", {"mobile": None, "voice_calls_opted_out": True})
    call("GET", "clients?q=whitfield&page_size=1")
    call("DELETE", f"clients/{client}", expect=204)
    agent = call("POST", "agents", {"name": "Intake", "external_id": "agent_7c2e", "created_via": "wizard"}, expect=201)["id"]
    call("GET", f"agents/{agent}")
    call("PATCH", f"agents/{agent}", {"events": ["call_ended"], "external_id": None})
    call("GET", "agents?page=1")
    call("DELETE", f"agents/{agent}", expect=204)


def test_hostile_input_that_is_taken_is_as_described(api, document):
    checked = Checked(api, document)
    for (method, path, body), status in ROWS:
        if isinstance(body, dict) and status in (201, 202):
            _, operation = checked.find(method, path)
            check(document, content(operation["requestBody"]), body)
