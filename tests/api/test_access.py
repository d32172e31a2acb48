from kayse_dash import clock
from kayse_dash.accounts import api_keys
from kayse_dash.accounts.models import ApiKey
from kayse_dash.db import db

KEYLESS = {"/v1/openapi.json"}


def routes(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/"):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, rule.rule


def test_every_route_but_the_description_needs_a_key(app, caller):
    stranger = caller(None)
    found = list(routes(app))
    assert len(found) > 20
    for method, rule in found:
        if rule not in KEYLESS:
            answer = stranger.open(rule.replace("<", "").replace(">", ""), method=method)
            assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthorized"), (method, rule)
            assert answer.headers["WWW-Authenticate"]


def test_the_description_needs_no_key(caller):
    assert caller(None).get("/v1/openapi.json").status_code == 200


def test_an_unknown_key_is_refused(caller, key):
    for text in ("", "x", "kd_abcdefgh_" + "A" * 43, key[1][:-1], key[1] + "A", "ß" * 40):
        answer = caller(text).get("/v1/events")
        assert answer.status_code == 401, text
        assert answer.json["error"]["fields"] == {}


def test_a_revoked_key_is_refused(api, key):
    assert api.get("/v1/events").status_code == 200
    api_keys.revoke(db.session.get(ApiKey, key[0].id), clock.now())
    db.session.commit()
    assert api.get("/v1/events").status_code == 401


def test_a_login_is_no_key(app, caller, login):
    assert login("admin").get("/v1/events").status_code == 401


def test_posting_needs_no_csrf_token(app, api):
    app.config["WTF_CSRF_ENABLED"] = True
    assert api.post("/v1/events", json={"event": "call_ended", "data": {}}).status_code == 202


def test_reading_writes_nothing(app, api):
    before = db.session.connection().exec_driver_sql("PRAGMA data_version").scalar()
    for path in ("/v1/events", "/v1/webhooks", "/v1/deliveries", "/v1/campaigns"):
        assert api.get(path).status_code == 200
    # Read on the same connection: it changes when another connection has written.
    assert db.session.connection().exec_driver_sql("PRAGMA data_version").scalar() == before
