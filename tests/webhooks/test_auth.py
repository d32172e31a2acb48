"""The kinds of authentication: what may be typed, what is kept, what is shown."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask

from kayse_dash import create_app
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.errors import ConfigError, InvalidInput
from kayse_dash.webhooks import auth, signing
from kayse_dash.webhooks.auth import ApiKey, Auth, Basic, Bearer, Hmac, NoAuth, OAuth2
from kayse_dash.webhooks.models import Endpoint
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
TOKEN_URL = "https://login.example.com/oauth/token"
SECRET, OLDER = signing.new_secret(), signing.new_secret()

ONE_OF_EACH: list[Auth] = [
    NoAuth(),
    ApiKey("X-Public-Api-Key", "hush-api-key"),
    Basic("intake@firm", "hush:pässword 律"),
    Bearer("hush.token.value"),
    OAuth2(TOKEN_URL, "client-7", "hush/client+secret", "events:write"),
    Hmac(SECRET),
    Hmac(SECRET).rotated(OLDER, NOW),
]
HUSH = ("hush", SECRET.removeprefix("whsec_"), OLDER.removeprefix("whsec_"))
each_kind = pytest.mark.parametrize(
    "kind", ONE_OF_EACH, ids=lambda kind: kind.type + ("_rotated" if kind == ONE_OF_EACH[-1] else "")
)


def leaks(text: str) -> bool:
    return any(secret in text for secret in HUSH)


def faults(given: Any, current: Auth | None = None) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        auth.parse(given, current)
    return refused.value.fields


@each_kind
def test_every_kind_comes_back_from_its_stored_form(kind: Auth) -> None:
    stored = json.loads(json.dumps(auth.dump(kind)))
    assert auth.load(stored) == kind


@each_kind
def test_what_is_shown_has_no_secret(kind: Auth) -> None:
    shown = auth.public(kind)
    assert shown["type"] == kind.type
    assert not leaks(json.dumps(shown, ensure_ascii=False))


@each_kind
def test_the_repr_has_no_secret(kind: Auth) -> None:
    assert type(kind).__name__ in repr(kind)
    assert not leaks(repr(kind))


def test_what_is_shown_of_each_kind() -> None:
    assert [auth.public(kind) for kind in ONE_OF_EACH] == [
        {"type": "none"},
        {"type": "api_key", "header": "X-Public-Api-Key"},
        {"type": "basic", "username": "intake@firm"},
        {"type": "bearer"},
        {"type": "oauth2", "token_url": TOKEN_URL, "client_id": "client-7", "scope": "events:write"},
        {"type": "hmac"},
        {"type": "hmac", "previous_secret_signs_until": "2026-03-10T14:00:00+00:00"},
    ]


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ({"type": "none"}, NoAuth()),
        ({"type": "api_key", "value": "k-1"}, ApiKey("X-Public-Api-Key", "k-1")),
        ({"type": "api_key", "header": "", "value": "k-1"}, ApiKey("X-Public-Api-Key", "k-1")),
        ({"type": "api_key", "header": " X-Token ", "value": " k 1\t2 "}, ApiKey("X-Token", "k 1\t2")),
        ({"type": "api_key", "header": "Authorization", "value": "Token k"}, ApiKey("Authorization", "Token k")),
        ({"type": "basic", "username": "José", "password": " spaces count "}, Basic("José", " spaces count ")),
        ({"type": "basic", "username": "u", "password": "with:colon"}, Basic("u", "with:colon")),
        ({"type": "bearer", "token": " abc.def.ghi "}, Bearer("abc.def.ghi")),
        ({"type": "bearer", "token": "Bearer abc"}, Bearer("abc")),
        (
            {"type": "oauth2", "token_url": TOKEN_URL, "client_id": "c", "client_secret": "s", "scope": None},
            OAuth2(TOKEN_URL, "c", "s"),
        ),
        ({"type": "hmac", "secret": SECRET}, Hmac(SECRET)),
        ({"type": "hmac", "secret": SECRET.removeprefix("whsec_")}, Hmac(SECRET)),
    ],
)
def test_what_is_typed_is_taken(given: dict[str, Any], parsed: Auth) -> None:
    assert auth.parse(given) == parsed


@pytest.mark.parametrize("secret", [{}, {"secret": ""}, {"secret": None}])
def test_a_signing_secret_that_is_not_given_is_made(secret: dict[str, Any]) -> None:
    made = auth.parse({"type": "hmac"} | secret)
    assert isinstance(made, Hmac)
    assert len(signing.key_of(made.secret)) == 32


ODD: list[Any] = [0, 1, 2**70, 1.5, True, False, [], ["x"], {}, {"a": 1}, b"x"]
LONG = "x" * 5000


@pytest.mark.parametrize(
    ("given", "field"),
    [
        *(({"type": odd}, "type") for odd in [None, "", "API_KEY", "basic ", "\ud800", *ODD]),
        *((odd, "type") for odd in [{}, None, "none", [], ["none"], 7]),
        ({"type": "none", "value": "x"}, "value"),
        ({"type": "bearer", "token": "x", 5: "y"}, "5"),
        ({"type": "api_key", "value": "x", "previous": [["a", "b"]]}, "previous"),
        ({"type": "hmac", "previous": [["a", "b"]]}, "previous"),
        # API Key
        *(
            ({"type": "api_key", "value": odd}, "value")
            for odd in [None, "", "  ", LONG, "a\r\nX: y", "a\0", "é", "\ud800", *ODD]
        ),
        *(({"type": "api_key", "value": "v", "header": odd}, "header") for odd in ["A B", "X:", "é", "X\r\nY", "x" * 101, *ODD]),
        # Basic
        *(({"type": "basic", "username": odd, "password": "p"}, "username") for odd in ["", "a:b", "a\nb", "\ud800", LONG, *ODD]),
        *(
            ({"type": "basic", "username": "u", "password": odd}, "password")
            for odd in [None, "", " ", "a\0", "\ud800", LONG, *ODD]
        ),
        # Bearer
        *(
            ({"type": "bearer", "token": odd}, "token")
            for odd in [None, "", "a b", "Bearer ", "Bearer a b", "a\nb", "é", "\ud800", LONG, *ODD]
        ),
        # OAuth 2
        *(
            ({"type": "oauth2", "token_url": odd, "client_id": "c", "client_secret": "s"}, "token_url")
            for odd in ["", "login", "ftp://x/y", "https://", "//x", "https://[::1", "\ud800", "https://x/" + LONG, *ODD]
        ),
        *(
            ({"type": "oauth2", "token_url": TOKEN_URL, "client_id": odd, "client_secret": "s"}, "client_id")
            for odd in ["", "a\nb", "\ud800", LONG, *ODD]
        ),
        *(
            ({"type": "oauth2", "token_url": TOKEN_URL, "client_id": "c", "client_secret": odd}, "client_secret")
            for odd in ["", "a\0b", "\ud800", LONG, *ODD]
        ),
        *(
            ({"type": "oauth2", "token_url": TOKEN_URL, "client_id": "c", "client_secret": "s", "scope": odd}, "scope")
            for odd in ["a\nb", "é", LONG, *ODD]
        ),
        # HMAC
        *(({"type": "hmac", "secret": odd}, "secret") for odd in ["whsec_", "short", "x" * 300, "é" * 32, "\ud800", *ODD]),
    ],
)
def test_hostile_input_is_refused_by_field(given: Any, field: str) -> None:
    found = faults(given)
    assert f"auth.{field}" in found
    for words in found.values():
        assert words.endswith(".")
        assert len(words) < 200


def test_every_fault_is_told_at_once() -> None:
    assert set(faults({"type": "oauth2", "extra": 1})) == {"auth.extra", "auth.token_url", "auth.client_id", "auth.client_secret"}


@pytest.mark.parametrize("name", sorted(auth.RESERVED_HEADERS))
def test_headers_of_the_delivery_itself_are_reserved(name: str) -> None:
    for spelled in (name, name.upper(), name.title(), f" {name} "):
        assert "set by the delivery itself" in faults({"type": "api_key", "header": spelled, "value": "v"})["auth.header"]


def test_what_frames_a_message_and_what_we_set_is_reserved() -> None:
    ours = {"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"}
    assert ours | {"webhook-id", "webhook-timestamp", "webhook-signature", "webhook-test"} <= auth.RESERVED_HEADERS


@pytest.mark.parametrize("empty", [{}, {"_": ""}, {"_": None}])
@pytest.mark.parametrize("kind", ONE_OF_EACH[1:])
def test_an_empty_secret_keeps_the_one_there_is(kind: Auth, empty: dict[str, Any]) -> None:
    secret_fields = auth.SECRET_FIELDS[kind.type]
    given = {name: value for name, value in auth.dump(kind).items() if name not in (*secret_fields, "previous")}
    given |= {name: empty["_"] for name in secret_fields if empty}
    assert auth.parse(given, kind) == kind


def test_a_new_secret_replaces_the_one_there_is() -> None:
    assert auth.parse({"type": "api_key", "value": "new"}, ApiKey("X-Public-Api-Key", "old")) == ApiKey("X-Public-Api-Key", "new")


def test_a_secret_typed_anew_ends_a_rotation() -> None:
    assert auth.parse({"type": "hmac", "secret": SECRET}, Hmac(OLDER).rotated(signing.new_secret(), NOW)) == Hmac(SECRET)


def test_the_secret_that_signs_already_does_not_end_its_rotation() -> None:
    rotated = Hmac(OLDER).rotated(SECRET, NOW)
    assert auth.parse({"type": "hmac", "secret": SECRET}, rotated) == rotated


def test_a_secret_of_another_kind_is_not_kept() -> None:
    assert "auth.token" in faults({"type": "bearer"}, ApiKey("X-Key", "hush"))
    assert "auth.client_secret" in faults({"type": "oauth2", "token_url": TOKEN_URL, "client_id": "c"}, Bearer("hush"))
    made = auth.parse({"type": "hmac"}, Bearer("hush"))
    assert isinstance(made, Hmac)
    assert made.secret != "hush"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (NoAuth(), None),
        (Hmac(SECRET), None),
        (ApiKey("X-Key", "v"), ("X-Key", "v")),
        (Bearer("t"), ("Authorization", "Bearer t")),
        (Basic("Aladdin", "open sesame"), ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),  # RFC 7617 section 2
        (Basic("test", "123£"), ("Authorization", "Basic dGVzdDoxMjPCow==")),  # RFC 7617 section 2.1
        (OAuth2(TOKEN_URL, "c", "s"), ("Authorization", "Bearer fetched")),
    ],
)
def test_the_proving_header(kind: Auth, expected: tuple[str, str] | None) -> None:
    assert auth.header(kind, "fetched") == expected


def jwt(claims: Any) -> str:
    def part(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize(
    ("token", "expiry"),
    [
        (jwt({"exp": 1_800_000_000}), datetime.fromtimestamp(1_800_000_000, UTC)),
        (jwt({"exp": 1_800_000_000.5, "sub": "é"}), datetime.fromtimestamp(1_800_000_000.5, UTC)),
        (jwt({"exp": "1800000000"}), datetime.fromtimestamp(1_800_000_000, UTC)),
        (jwt({"sub": "no expiry"}), None),
        (jwt({"exp": None}), None),
        (jwt({"exp": "soon"}), None),
        (jwt({"exp": 10**400}), None),
        (jwt({"exp": 1e300}), None),
        (jwt('{"exp": NaN}'), None),
        (jwt('{"exp": Infinity}'), None),
        (jwt("[" * 3000), None),
        (jwt([1]), None),
        (jwt("7"), None),
        ("not-a-jwt", None),
        ("a.b", None),
        ("a.!!!.c", None),
        ("a.é.c", None),
        ("..", None),
    ],
)
def test_when_a_jwt_runs_out(token: str, expiry: datetime | None) -> None:
    assert auth.jwt_expiry(token) == expiry


def test_a_webhook_tells_when_its_jwt_runs_out() -> None:
    assert Endpoint(auth=Bearer(jwt({"exp": 1_800_000_000}))).token_expiry == datetime.fromtimestamp(1_800_000_000, UTC)
    assert Endpoint(auth=Bearer("opaque")).token_expiry is None
    assert Endpoint(auth=ApiKey("X-Key", jwt({"exp": 1_800_000_000}))).token_expiry is None


@pytest.mark.parametrize("kind", ONE_OF_EACH[1:], ids=lambda kind: kind.type)
def test_every_secret_is_looked_for_in_records(kind: Auth) -> None:
    found = auth.secrets_of(kind)
    assert all(getattr(kind, name) in found for name in auth.SECRET_FIELDS[kind.type])
    assert found == sorted(found, key=len, reverse=True) or [len(one) for one in found] == sorted(map(len, found), reverse=True)


def test_the_joined_forms_of_a_secret_are_looked_for_too() -> None:
    assert base64.b64encode(b"u:p4ss").decode() in auth.secrets_of(Basic("u", "p4ss"))
    assert base64.b64encode(b"c%201:s%2Fs").decode() in auth.secrets_of(OAuth2(TOKEN_URL, "c 1", "s/s"))
    rotated = auth.secrets_of(Hmac(SECRET).rotated(OLDER, NOW))
    assert {SECRET, OLDER, SECRET.removeprefix("whsec_"), OLDER.removeprefix("whsec_")} <= set(rotated)


@on_both_databases
def test_secrets_stand_encrypted_in_the_database(app: Flask) -> None:
    made = [make_endpoint(auth=kind) for kind in ONE_OF_EACH]
    rows = db.session.execute(sa.text("SELECT * FROM endpoints ORDER BY id")).mappings().all()
    assert all(row["auth_secret"].startswith("gAAAA") for row in rows)
    assert not leaks(str([dict(row) for row in rows]))
    assert not leaks(repr(made))
    db.session.expire_all()
    assert [endpoint.auth for endpoint in made] == ONE_OF_EACH


def test_what_an_older_key_encrypted_can_still_be_read(app: Flask, settings: Settings) -> None:
    endpoint_id = make_endpoint(auth=Bearer("hush.token")).id
    db.session.rollback()
    fresh = Fernet.generate_key().decode()
    with create_app(replace(settings, encryption_keys=(fresh, *settings.encryption_keys))).app_context():
        endpoint = db.session.get_one(Endpoint, endpoint_id)
        assert endpoint.auth == Bearer("hush.token")
        endpoint.auth = Bearer("hush.other")
        db.session.commit()
    with create_app(replace(settings, encryption_keys=(fresh,))).app_context():  # written with the first key
        assert db.session.get_one(Endpoint, endpoint_id).auth == Bearer("hush.other")


def test_a_key_that_is_gone_is_said_plainly(app: Flask, settings: Settings) -> None:
    endpoint_id = make_endpoint(auth=Bearer("hush.token")).id
    db.session.rollback()
    with (
        create_app(replace(settings, encryption_keys=(Fernet.generate_key().decode(),))).app_context(),
        pytest.raises(ConfigError, match="KAYSE_ENCRYPTION_KEYS"),
    ):
        db.session.get(Endpoint, endpoint_id)


def test_a_rotation_is_shown_until_it_ends() -> None:
    rotated = Endpoint(auth=Hmac(SECRET).rotated(OLDER, NOW))
    assert rotated.old_secret_until == NOW + timedelta(hours=24)
    assert Endpoint(auth=Hmac(SECRET)).old_secret_until is None
