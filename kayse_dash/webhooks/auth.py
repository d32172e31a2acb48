"""How a receiver can tell that a delivery comes from this firm: six kinds, one small type each. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from kayse_dash.errors import InvalidInput
from kayse_dash.webhooks import redaction, signing

DEFAULT_API_KEY_HEADER = "X-Public-Api-Key"
ROTATION_OVERLAP = timedelta(hours=24)
LONGEST_SECRET = 4096

# Headers that the delivery itself sets, or that would change how the request is read (RFC 9110, RFC 9112).
RESERVED_HEADERS = frozenset(
    (
        "accept-encoding connection content-encoding content-length content-type cookie expect host keep-alive "
        "proxy-authorization proxy-connection te trailer transfer-encoding upgrade user-agent "
        "webhook-id webhook-signature webhook-test webhook-timestamp"
    ).split()
)


@dataclass(frozen=True)
class NoAuth:
    type: ClassVar[str] = "none"
    label: ClassVar[str] = "None"


@dataclass(frozen=True)
class ApiKey:
    """A fixed header."""

    type: ClassVar[str] = "api_key"
    label: ClassVar[str] = "API Key"
    header: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Basic:
    """User name and password (RFC 7617)."""

    type: ClassVar[str] = "basic"
    label: ClassVar[str] = "Basic Auth"
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """A fixed token or JWT (RFC 6750)."""

    type: ClassVar[str] = "bearer"
    label: ClassVar[str] = "Bearer Token"
    token: str = field(repr=False)


@dataclass(frozen=True)
class OAuth2:
    """A token of the client-credentials grant (RFC 6749 section 4.4), fetched when needed."""

    type: ClassVar[str] = "oauth2"
    label: ClassVar[str] = "Bearer Token (OAuth 2)"
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""


@dataclass(frozen=True)
class Hmac:
    """A signature of each delivery; `previous` secrets sign along until their time (ISO 8601) is over."""

    type: ClassVar[str] = "hmac"
    label: ClassVar[str] = "HMAC Signature"
    secret: str = field(repr=False)
    previous: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def keys(self, now: datetime) -> list[bytes]:
        """The key bytes that sign at `now`, the newest first."""
        live = [secret for secret, until in self.previous if datetime.fromisoformat(until) > now]
        return [signing.key_of(secret) for secret in (self.secret, *live)]

    def rotated(self, secret: str, now: datetime, overlap: timedelta = ROTATION_OVERLAP) -> Hmac:
        """The same with a new secret; the one so far signs along for `overlap`."""
        kept = tuple((old, until) for old, until in self.previous if datetime.fromisoformat(until) > now)
        retired = ((self.secret, (now + overlap).isoformat()),) if overlap else ()
        return replace(self, secret=secret, previous=retired + kept)


Auth = NoAuth | ApiKey | Basic | Bearer | OAuth2 | Hmac
KINDS: dict[str, type[Auth]] = {kind.type: kind for kind in (NoAuth, ApiKey, Basic, Bearer, OAuth2, Hmac)}
SECRET_FIELDS = {
    "api_key": ("value",),
    "basic": ("password",),
    "bearer": ("token",),
    "oauth2": ("client_secret",),
    "hmac": ("secret",),
}


def dump(auth: Auth) -> dict[str, Any]:
    """As JSON, secrets included; only for the encrypted column."""
    return {"type": auth.type, **asdict(auth)}


def load(stored: Mapping[str, Any]) -> Auth:
    """Back from `dump`."""
    values = {name: value for name, value in stored.items() if name != "type"}
    if stored["type"] == Hmac.type:
        values["previous"] = tuple((secret, until) for secret, until in values.get("previous", ()))
    return KINDS[stored["type"]](**values)


def public(auth: Auth) -> dict[str, Any]:
    """What may be shown: everything but the secrets."""
    secret = (*SECRET_FIELDS.get(auth.type, ()), "previous")
    shown = {name: value for name, value in dump(auth).items() if name not in secret}
    if isinstance(auth, Hmac) and auth.previous:
        shown["previous_secret_signs_until"] = max(until for _, until in auth.previous)
    return shown


def secrets_of(auth: Auth) -> list[str]:
    """Every text that must not appear in a record of a request, in each way it may be written, the longest first."""
    found = [getattr(auth, name) for name in SECRET_FIELDS.get(auth.type, ())]
    if isinstance(auth, Basic):
        found.append(_pair(auth.username, auth.password))
    if isinstance(auth, OAuth2):
        found.append(client_credentials(auth))
    if isinstance(auth, Hmac):
        found += [secret for secret, _ in auth.previous]
        found += [secret.removeprefix(signing.PREFIX) for secret in list(found)]
    return redaction.spellings(found)


def header(auth: Auth, token: str | None = None) -> tuple[str, str] | None:
    """The header that proves the sender; None where there is none (or a signature does).

    Args:
        token: the access token, for OAuth 2.
    """
    match auth:
        case ApiKey():
            return auth.header, auth.value
        case Basic():
            return "Authorization", f"Basic {_pair(auth.username, auth.password)}"
        case Bearer():
            return "Authorization", f"Bearer {auth.token}"
        case OAuth2():
            return "Authorization", f"Bearer {token}"
    return None


def client_credentials(auth: OAuth2) -> str:
    """What proves the client to the token URL: both parts form-encoded, joined, in base64 (RFC 6749 section 2.3.1)."""
    return _pair(quote(auth.client_id, safe=""), quote(auth.client_secret, safe=""))


def jwt_expiry(token: str) -> datetime | None:
    """When a JSON Web Token runs out (`exp`, RFC 7519 section 4.1.4); None if it is none or does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


def parse(given: Mapping[str, Any], current: Auth | None = None) -> Auth:
    """Check what a person or program typed.

    Args:
        given: `type` and that type's fields. An empty or missing secret keeps the one of `current`, if that is of the same type.
        current: how the webhook authenticates so far.

    Raises:
        InvalidInput: by field, as `auth.<field>`.
    """
    kind = given.get("type") if isinstance(given, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidInput("Please check the security settings.", {"auth.type": f"Choose one of {', '.join(KINDS)}."})
    unknown = sorted(str(name) for name in given if name not in _FIELDS[kind] and name != "type")
    faults = {f"auth.{name}": f"There is no such field with {kind}." for name in unknown}
    kept = current if current is not None and current.type == kind else None
    values: dict[str, str] = {}
    for name, check in _FIELDS[kind].items():
        value = given.get(name)
        if value in (None, "") and kept is not None and name in SECRET_FIELDS[kind]:
            values[name] = getattr(kept, name)
            continue
        try:
            values[name] = check("" if value is None else value)
        except ValueError as error:
            faults[f"auth.{name}"] = str(error)
    if faults:
        raise InvalidInput("Please check the security settings.", faults)
    if isinstance(kept, Hmac) and values["secret"] == kept.secret:
        return kept
    return KINDS[kind](**values)


def _pair(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


def _text(value: Any, what: str, longest: int = LONGEST_SECRET) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text.")
    value = value.strip()
    if not value:
        raise ValueError(f"{what} is missing.")
    if len(value) > longest:
        raise ValueError(f"{what} is longer than {longest:,} characters.")
    return value


def _header_name(value: Any) -> str:
    name = _text(DEFAULT_API_KEY_HEADER if value == "" else value, "The header's name", 100)
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise ValueError("A header's name has letters, digits and hyphens only, such as X-Api-Key.")
    if name.lower() in RESERVED_HEADERS:
        raise ValueError(f"{name} is set by the delivery itself; choose another name.")
    return name


def _header_value(what: str, *, spaces: bool = True):
    def check(value: Any) -> str:
        text = _text(value, what)
        allowed = r"[\x20-\x7e\t]+" if spaces else r"[\x21-\x7e]+"
        if not re.fullmatch(allowed, text):
            raise ValueError(f"{what} may hold plain letters, digits and signs only{'' if spaces else ', and no spaces'}.")
        return text

    return check


def _token(value: Any) -> str:
    # People paste the whole header.
    text = re.sub(r"(?i)^\s*bearer(\s+|$)", "", value) if isinstance(value, str) else value
    return _header_value("The token", spaces=False)(text)


def _plain(what: str, *, refuse: str = ""):
    def check(value: Any) -> str:
        text = _text(value, what)
        if any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
            raise ValueError(f"{what} holds a character that cannot be sent.")
        if refuse and refuse in text:
            raise ValueError(f"{what} may not hold a {refuse!r}.")
        return text

    return check


def _password(value: Any) -> str:
    if value == "":
        raise ValueError("The password is missing.")
    _plain("The password")(value)
    return value


def _token_url(value: Any) -> str:
    text = _text(value, "The token URL", 2048)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("https", "http") and parts.hostname
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("The token URL must be a full address, such as https://login.example.com/oauth/token.")
    return text


def _scope(value: Any) -> str:
    return "" if value == "" else _header_value("The scope")(value)


def _secret(value: Any) -> str:
    if value == "":
        return signing.new_secret()
    text = _text(value, "The secret", 200)
    signing.key_of(text)
    return text if text.startswith(signing.PREFIX) else signing.PREFIX + text


_FIELDS: dict[str, dict[str, Any]] = {
    "none": {},
    "api_key": {"header": _header_name, "value": _header_value("The key")},
    "basic": {"username": _plain("The user name", refuse=":"), "password": _password},
    "bearer": {"token": _token},
    "oauth2": {
        "token_url": _token_url,
        "client_id": _plain("The client id"),
        "client_secret": _plain("The client secret"),
        "scope": _scope,
    },
    "hmac": {"secret": _secret},
}
