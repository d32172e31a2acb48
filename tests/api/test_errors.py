import json

import pytest
from werkzeug.exceptions import TooManyRequests

from tests.factories import make_endpoint


def error_of(answer):
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert list(answer.json) == ["error"]
    assert list(answer.json["error"]) == ["code", "message", "fields"]
    return answer.json["error"]


def post(api, body, **kwargs):
    return api.post("/v1/events", data=body, **{"content_type": "application/json"} | kwargs)


def test_an_unknown_address_or_record_is_404(api):
    numbers = [f"webhooks/{number}" for number in ("abc", "0", "1", "1.0", "1_0", "-1", "9" * 5000)]
    for path in ("", "nothing", "events/evt_1/x", *numbers):
        answer = api.get(f"/v1/{path}")
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"


def test_a_method_that_an_address_does_not_take_is_405_and_says_which_it_does(api):
    answer = api.put("/v1/events")
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"event": "call_ended",}', "line 1 column 24"),
        (b'{"event":\n "call_ended"\n "data": {}}', "line 3 column 2"),
        (b'{"data": {"a": NaN}}', "line 1 column 16"),
        (b'{"data": "\\ud800"}', "line 1"),
        (b"\xff\xfe{}", "line 1 column 1"),
        (b"[" * 100_000, "line 1"),
    ],
)
def test_malformed_json_is_400_and_says_where(api, body, where):
    answer = post(api, body)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "bad_request"
    assert where in answer.json["error"]["message"]


def test_an_empty_body_is_400(api):
    assert post(api, b"").status_code == 400


def test_json_that_is_no_object_is_422(api):
    for body in (b"[]", b'"text"', b"5", b"null", b'"{\\"event\\": \\"call_ended\\"}"'):
        answer = post(api, body)
        assert answer.status_code == 422, body
        assert error_of(answer)["code"] == "invalid_input"


def test_a_body_that_is_not_said_to_be_json_is_415(api):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        answer = api.post("/v1/events", data=b'{"event": "call_ended", "data": {}}', content_type=content_type)
        assert answer.status_code == 415
        assert "Content-Type: application/json" in error_of(answer)["message"]


def test_json_by_another_name_is_read(api):
    answer = post(api, b'{"event": "call_ended", "data": {}}', content_type="application/vnd.firm+json; charset=utf-8")
    assert answer.status_code == 202


def test_a_compressed_body_is_415(api):
    answer = post(api, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert "uncompressed" in error_of(answer)["message"]


def test_a_body_over_one_mebibyte_is_413(api):
    body = json.dumps({"event": "call_ended", "data": {"note": "x" * 1024 * 1024}}).encode()
    answer = post(api, body)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "too_large"


def test_a_body_over_one_mebibyte_that_does_not_say_its_length_is_413(app, api):
    body = json.dumps({"event": "call_ended", "data": {"note": "x" * 1024 * 1024}}).encode()
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = post(api, body, environ_overrides=environ)
    assert answer.status_code == 413


def test_a_body_of_one_mebibyte_is_taken(api):
    start, end = b'{"event":"call_ended","data":{"note":"', b'"}}'
    body = start + b"x" * (1024 * 1024 - len(start) - len(end)) + end
    assert len(body) == 1024 * 1024
    assert post(api, body).status_code == 202


def test_an_error_of_ours_is_500_without_its_trace_and_is_logged(app, api, caplog):
    @app.get("/v1/broken")
    def broken():
        raise RuntimeError("the password is hunter2")

    answer = api.get("/v1/broken")
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal_error"
    assert "hunter2" not in answer.get_data(as_text=True)
    assert "hunter2" in caplog.text


def test_too_many_requests_says_when_to_come_back(app, api):
    @app.get("/v1/busy")
    def busy():
        raise TooManyRequests(retry_after=30)

    answer = api.get("/v1/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert error_of(answer)["code"] == "too_many_requests"


def test_a_conflict_is_409(api):
    make_endpoint()
    answer = api.post("/v1/webhooks/1/retry-failed")
    assert answer.status_code == 409
    assert error_of(answer) == {"code": "conflict", "message": "There is nothing to send again.", "fields": {}}


def test_errors_beside_the_api_stay_pages(caller):
    answer = caller(None).get("/nothing")
    assert answer.status_code in (302, 404)
    assert answer.mimetype == "text/html"


def test_an_unknown_field_is_named_with_a_guess(api):
    answer = api.post("/v1/events", json={"event": "call_ended", "data": {}, "campain_id": 5, "x": 1})
    assert error_of(answer)["fields"] == {
        "campain_id": "There is no such field. Did you mean campaign_id?",
        "x": "There is no such field.",
    }


def test_an_unknown_or_repeated_parameter_is_named(api):
    assert error_of(api.get("/v1/events?evnt=call_ended"))["fields"]["evnt"].startswith("There is no such field")
    assert error_of(api.get("/v1/events?limit=5&limit=6"))["fields"] == {"limit": "Give this once only."}
    assert api.get("/v1/events?event=&limit=").status_code == 200


def test_at_most_fifty_faults_are_named(api):
    answer = api.post("/v1/events", json={"events": [{"event": "x", "data": 5, "id": ""}] * 100})
    assert answer.status_code == 422
    assert len(error_of(answer)["fields"]) == 50
    assert "first 50" in answer.json["error"]["message"]
    answer = api.post("/v1/events", json={f"field{number}": 1 for number in range(20_000)})
    assert len(error_of(answer)["fields"]) == 50
