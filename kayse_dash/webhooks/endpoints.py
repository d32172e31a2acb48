"""Making, changing, switching and deleting webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kayse_dash import outbound
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db, reading
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.events import catalogue
from kayse_dash.webhooks import auth, deliveries, routing
from kayse_dash.webhooks.models import Endpoint, Recovery, RecoveryState

LONGEST_NAME = 120
MOST_CAMPAIGNS = 500
MOST_CASE_TYPES = 100


def get(endpoint_id: int) -> Endpoint:
    """The webhook with this id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    endpoint = db.session.get(Endpoint, endpoint_id) if 0 < endpoint_id < 2**31 else None
    if endpoint is None or endpoint.deleted_at is not None:
        raise NotFound("There is no such webhook. It may have been deleted.")
    return endpoint


def all_live() -> list[Endpoint]:
    """Every webhook that was not deleted, by name."""
    query = sa.select(Endpoint).where(Endpoint.deleted_at.is_(None)).order_by(sa.func.lower(Endpoint.name))
    return list(db.session.scalars(query))


def check(given: Mapping[str, Any], policy: outbound.Policy, current: Endpoint | None = None) -> dict[str, Any]:
    """Check what was typed for a webhook and bring it into the form in which it is kept.

    Looks the destination's name up, so it ends the transaction that is open, and writes nothing.

    Args:
        given: any of `name, url, events, campaign_ids, case_types, auth, enabled`; what is missing keeps its value.
        current: the webhook being changed; None for a new one, which needs `name` and `url`.

    Raises:
        InvalidInput: by field.
    """
    db.session.rollback()
    with reading():
        values, faults = _checked(given, policy, current)
        db.session.rollback()
    if faults:
        raise InvalidInput("Please check the fields that are marked.", faults)
    return values


def _checked(
    given: Mapping[str, Any], policy: outbound.Policy, current: Endpoint | None
) -> tuple[dict[str, Any], dict[str, str]]:
    faults: dict[str, str] = {}
    values: dict[str, Any] = {}
    checks = {"name": _name, "events": _events, "campaign_ids": _campaign_ids, "case_types": _case_types, "enabled": _enabled}
    for field, one_check in checks.items():
        if field in given or (current is None and field == "name"):
            try:
                values[field] = one_check(given.get(field))
            except ValueError as error:
                faults[field] = str(error)
    if "url" in given or current is None:
        _url(given.get("url"), policy, current, values, faults)
    if given.get("auth") is not None:
        try:
            values["auth"] = auth.parse(given["auth"], current.auth if current else None)
            _token_url(values["auth"], policy, faults)
        except InvalidInput as error:
            faults |= error.fields
    _campaign_filter(given, values, current, faults)
    return values, faults


def create(values: Mapping[str, Any], now: datetime) -> Endpoint:
    """Make a webhook from what `check` returned."""
    endpoint = Endpoint(created_at=now, updated_at=now, events=[], campaign_ids=[], case_types=[], enabled=True, version=1)
    endpoint.auth = auth.NoAuth()
    for field, value in values.items():
        setattr(endpoint, field, value)
    if not endpoint.enabled:
        endpoint.disabled_at, endpoint.disabled_reason = now, "It was added switched off."
    db.session.add(endpoint)
    db.session.flush()
    routing.revise(endpoint, now)
    return endpoint


def update(endpoint: Endpoint, values: Mapping[str, Any], now: datetime, *, version: int | None = None) -> None:
    """Change a webhook by what `check` returned; `enabled` is switched by `switch_on` and `switch_off`, not here.

    Args:
        version: the version that the person saw when they began; None not to look.

    Raises:
        Conflict: somebody else changed it in between.
    """
    lock(endpoint)
    if version is not None and endpoint.version != version:
        raise Conflict("Somebody else changed this webhook in the meantime. Look at what it says now, then change it again.")
    before = endpoint.rule
    for field, value in values.items():
        if field != "enabled":
            setattr(endpoint, field, value)
    endpoint.version += 1
    endpoint.updated_at = now
    db.session.flush()
    if endpoint.rule != before:
        routing.revise(endpoint, now)


def lock(endpoint: Endpoint) -> None:
    """See the webhook as it is now, and let nobody else change it before the commit.

    Raises:
        NotFound: somebody deleted it meanwhile.
    """
    db.session.flush()  # `refresh` forgets what was not
    # Events that are recorded meanwhile refer to it, so its key stays free.
    db.session.refresh(endpoint, with_for_update={"key_share": True})
    if endpoint.deleted_at is not None:
        raise NotFound("There is no such webhook. It may have been deleted.")


def switch_off(endpoint: Endpoint, reason: str, now: datetime) -> int:
    """Switch a webhook off; what is owed to it is held from now on. Returns how many waiting deliveries were held."""
    lock(endpoint)
    if not endpoint.enabled:
        return 0
    endpoint.enabled = False
    endpoint.disabled_at, endpoint.disabled_reason = now, reason
    endpoint.version += 1
    endpoint.updated_at = now
    db.session.flush()
    routing.revise(endpoint, now)
    return deliveries.hold(endpoint.id)


def switch_on(endpoint: Endpoint, now: datetime) -> None:
    """Switch a webhook on, with a clean slate; held deliveries stay held until `recoveries` releases them."""
    lock(endpoint)
    if endpoint.enabled:
        return
    endpoint.enabled = True
    endpoint.disabled_at = endpoint.disabled_reason = None
    endpoint.failing_since = None
    endpoint.latency_ms = None
    endpoint.version += 1
    endpoint.updated_at = now
    db.session.flush()
    routing.revise(endpoint, now)


def rotate_secret(
    endpoint: Endpoint, now: datetime, secret: str | None = None, overlap: timedelta = auth.ROTATION_OVERLAP
) -> str:
    """Give a webhook a new signing secret; the old one signs along for `overlap`. Returns the new secret.

    Raises:
        Conflict: the webhook does not sign.
        InvalidInput: `secret` cannot be used.
    """
    lock(endpoint)
    if not isinstance(endpoint.auth, auth.Hmac):
        raise Conflict("This webhook does not sign its deliveries, so it has no secret to rotate.")
    new = auth.parse({"type": "hmac", "secret": secret})
    assert isinstance(new, auth.Hmac)
    if new.secret == endpoint.auth.secret:
        raise InvalidInput("Please choose another secret.", {"secret": "This is the secret that signs already."})
    endpoint.auth = endpoint.auth.rotated(new.secret, now, overlap)
    endpoint.version += 1
    endpoint.updated_at = now
    return new.secret


def delete(endpoint: Endpoint, now: datetime) -> None:
    """Delete a webhook: its secrets at once, what it was still owed is cancelled, its log stays until retention ends it."""
    lock(endpoint)
    endpoint.deleted_at = endpoint.updated_at = now
    endpoint.enabled = False
    endpoint.auth = auth.NoAuth()
    endpoint.version += 1
    db.session.flush()
    routing.revise(endpoint, now)
    db.session.execute(
        sa.update(Recovery)
        .where(Recovery.endpoint_id == endpoint.id, Recovery.state == RecoveryState.RUNNING)
        .values(state=RecoveryState.CANCELLED, finished_at=now)
    )
    deliveries.drop_all(endpoint.id)


def _text(value: Any, what: str, shortest: int, longest: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} is missing.")
    text = " ".join(value.split())
    if any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ValueError(f"{what} holds a character that cannot be kept.")
    if not shortest <= len(text) <= longest:
        raise ValueError(f"{what} needs {shortest} to {longest} characters.")
    return text


def _name(value: Any) -> str:
    return _text(value, "The name", 3, LONGEST_NAME)


def _enabled(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Say true or false.")
    return value


def _listed(value: Any, kind: type, what: str, most: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or any(type(entry) is not kind for entry in value):
        raise ValueError(f"This must be a list of {what}.")
    if len(value) > most:
        raise ValueError(f"At most {most} {what} can be chosen.")
    return list(dict.fromkeys(value))


def _events(value: Any) -> list[str]:
    names = _listed(value, str, "event names", len(catalogue.CATALOGUE))
    for name in names:
        if catalogue.find(name) is None:
            guess = catalogue.closest(name)
            raise ValueError(f"There is no event “{name[:60]}”." + (f" Did you mean {guess}?" if guess else ""))
    return names


def _campaign_ids(value: Any) -> list[int]:
    ids = _listed(value, int, "campaign ids", MOST_CAMPAIGNS)
    small = [one for one in ids if 0 < one < 2**31]
    known = set(db.session.scalars(sa.select(Campaign.id).where(Campaign.id.in_(small)))) if small else set()
    missing = [one for one in ids if one not in known]
    if missing:
        raise ValueError(f"There is no campaign {missing[0]}.")
    return ids


def _case_types(value: Any) -> list[str]:
    return [_text(name, "A case type", 1, 100) for name in _listed(value, str, "case types", MOST_CASE_TYPES)]


def _url(value: Any, policy: outbound.Policy, current: Endpoint | None, values: dict[str, Any], faults: dict[str, str]) -> None:
    if not isinstance(value, str) or not value.strip():
        faults["url"] = "The Destination URL is missing."
        return
    if current is not None and value.strip() == current.url:
        return
    verdict = outbound.check_url(value.strip(), policy)
    if verdict.problem:
        faults["url"] = verdict.problem
    else:
        values["url"] = verdict.url


def _token_url(chosen: auth.Auth, policy: outbound.Policy, faults: dict[str, str]) -> None:
    if isinstance(chosen, auth.OAuth2):
        verdict = outbound.check_url(chosen.token_url, policy)
        if verdict.problem:
            faults["auth.token_url"] = verdict.problem


def _campaign_filter(given: Mapping[str, Any], values: dict[str, Any], current: Endpoint | None, faults: dict[str, str]) -> None:
    """A campaign filter narrows call events only, so a webhook without any has no use for one."""
    ids = values.get("campaign_ids", current.campaign_ids if current else [])
    events = values.get("events", current.events if current else [])
    if not ids or "events" in faults or not events or catalogue.CALL_EVENTS & set(events):
        return
    if given.get("campaign_ids"):
        faults["campaign_ids"] = "A campaign filter works with call events only, and no call event is chosen."
    else:
        values["campaign_ids"] = []
