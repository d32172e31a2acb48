"""What arrived in a test inbox: keeping it, listing it, checking its signature."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

import sqlalchemy as sa

from kayse_dash import keyset
from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.inbox.models import Inbox, InboxMessage
from kayse_dash.keyset import Place, Search, Slice
from kayse_dash.webhooks import auth, signing
from kayse_dash.webhooks.models import Endpoint

KEPT_MESSAGES = 500
KEPT_HEADERS = 60
KEPT_HEADER_NAME, KEPT_HEADER_VALUE = 100, 1000
SHOWN_BODY = 32 * 1024  # characters in a list; what is longer has a page of its own

# Names whose values are no secret however they look.
_OPEN_NAME = re.compile(
    r"(accept|content|webhook|x-forwarded)(-.*)?|connection|date|expect|forwarded|host|te|traceparent|tracestate"
    r"|transfer-encoding|user-agent|via|x-real-ip|x-request-id",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(r"auth|cookie|credential|jwt|key|passw|secret|session|signature|token", re.IGNORECASE)
_LONG_WORD = re.compile(r"[A-Za-z0-9_\-.+/=~]{24,}")
_WEBHOOK_ID = re.compile(r'\["webhook-id","((?:[^"\\]|\\.)*)"\]', re.IGNORECASE)  # in the JSON text of stored headers
_EVENT = re.compile(r'\s*\{\s*"event"\s*:\s*"([\w.]{1,60})"')


class Verdict(StrEnum):
    """What a message's signature is worth, by the secrets of the webhooks that send to its inbox."""

    VERIFIED = "verified"
    MISSING = "missing"
    WRONG = "wrong"
    NOBODY_SIGNS = "nobody_signs"
    UNREADABLE = "unreadable"

    @property
    def words(self) -> str:
        return {
            Verdict.VERIFIED: "Signature verified",
            Verdict.MISSING: "No signature",
            Verdict.WRONG: "Signature does not match",
            Verdict.NOBODY_SIGNS: "Signature not checked",
            Verdict.UNREADABLE: "Signature not checked",
        }[self]


@dataclass(frozen=True)
class Message:
    """One message as it is shown.

    Args:
        body: its beginning, or all of it where `is_whole`.
        reason: why the signature is not good or was not checked.
        again: an earlier message of this inbox has the same webhook-id.
    """

    id: int
    received_at: datetime
    method: str
    headers: list[tuple[str, str]]
    body: str
    is_whole: bool
    answered: int
    verdict: Verdict
    reason: str | None
    again: bool = False

    @property
    def event(self) -> str | None:
        """The event's name, where the body begins as a delivery's does."""
        found = _EVENT.match(self.body)
        return found[1] if found else None

    @property
    def webhook_id(self) -> str | None:
        return header(self.headers, "webhook-id")

    @property
    def is_test(self) -> bool:
        return header(self.headers, "webhook-test") == "true"


def store(inbox_id: int, method: str, headers: Iterable[tuple[str, str]], body: bytes, answered: int, now: datetime) -> None:
    """Keep one request, its secrets hidden, and let go of the oldest beyond the newest 500. The caller commits.

    Args:
        answered: the status it is answered with.
    """
    kept = [[_text(name)[:KEPT_HEADER_NAME], hidden(name, _text(value))] for name, value in islice(headers, KEPT_HEADERS)]
    row = {
        "inbox_id": inbox_id,
        "received_at": now,
        "method": method[:10],
        "headers": kept,
        "body": _text(body.decode("utf-8", "replace")),
        "answered": answered,
    }
    db.session.execute(sa.insert(InboxMessage), row)
    newest = sa.select(InboxMessage.id).where(InboxMessage.inbox_id == inbox_id).order_by(InboxMessage.id.desc())
    beyond = newest.offset(KEPT_MESSAGES).limit(1).scalar_subquery()
    db.session.execute(
        sa.delete(InboxMessage)
        .where(InboxMessage.inbox_id == inbox_id, InboxMessage.id <= beyond)
        .execution_options(synchronize_session=False)
    )


def page(inbox: Inbox, senders: Sequence[Endpoint], place: Place | None) -> tuple[list[Message], Slice]:
    """The messages of the page that begins at `place` (the newest for None), newest first, and where its neighbours begin.

    Args:
        senders: the webhooks that send to this inbox.
    """
    found = keyset.read(Search(InboxMessage.id, [InboxMessage.inbox_id == inbox.id]), place)
    rows = db.session.execute(_shown().where(InboxMessage.id.in_(found.keys)).order_by(InboxMessage.id.desc())).all()
    signers, repeated = _signers(senders), _repeated(inbox.id)
    return [_message(row, signers, row.id in repeated) for row in rows], found


def get(inbox: Inbox, message_id: int, senders: Sequence[Endpoint]) -> Message:
    """One message with its whole body.

    Raises:
        NotFound: there is none, or newer ones pushed it out.
    """
    query = _shown(whole=True).where(InboxMessage.inbox_id == inbox.id, InboxMessage.id == message_id)
    row = db.session.execute(query).one_or_none() if 0 < message_id <= keyset.LARGEST_KEY else None
    if row is None:
        raise NotFound(f"This message is not kept any more: a test inbox keeps the newest {KEPT_MESSAGES}.")
    return _message(row, _signers(senders), row.id in _repeated(inbox.id), whole=True)


def forget(event_ids: Collection[str]) -> int:
    """Delete the messages of every inbox that carried one of these events; returns how many."""
    rows = db.session.execute(sa.select(InboxMessage.id, InboxMessage.headers)) if event_ids else ()
    ids = [row.id for row in rows if header(row.headers, "webhook-id") in event_ids]
    if ids:
        db.session.execute(sa.delete(InboxMessage).where(InboxMessage.id.in_(ids)))
    return len(ids)


def header(headers: Iterable[Sequence[str]], name: str) -> str | None:
    """The value of the first header of this name."""
    return next((value for given, value in headers if given.lower() == name), None)


def hidden(name: str, value: str) -> str:
    """A header's value as it may be kept: of what proves a sender only the beginning, such as `Bearer abcd…`."""
    value = value[:KEPT_HEADER_VALUE]
    if _OPEN_NAME.fullmatch(name) or not (_SECRET_NAME.search(name) or _is_key_like(value)):
        return value
    scheme, space, rest = value.partition(" ")
    if name.lower() in ("authorization", "proxy-authorization") and space:
        return f"{scheme[:20]} {hidden('secret', rest)}"
    return value[:4] + "…" if len(value) >= 12 else "…"


def _is_key_like(value: str) -> bool:
    """Whether a long word of mixed letters and digits stands in it, as keys and tokens are."""
    words = _LONG_WORD.findall(value)
    return any(any(sign.isdigit() for sign in word) and any(sign.isalpha() for sign in word) for word in words)


def _shown(whole: bool = False) -> sa.Select[Any]:
    body = InboxMessage.body if whole else sa.func.substr(InboxMessage.body, 1, SHOWN_BODY + 1)
    columns = (InboxMessage.id, InboxMessage.received_at, InboxMessage.method, InboxMessage.headers, InboxMessage.answered)
    return sa.select(*columns, body.label("body"))


def _signers(senders: Iterable[Endpoint]) -> list[auth.Hmac]:
    return [sender.auth for sender in senders if isinstance(sender.auth, auth.Hmac)]


def _message(row: Any, signers: list[auth.Hmac], again: bool, whole: bool = False) -> Message:
    is_whole = whole or len(row.body) <= SHOWN_BODY
    headers = [(name, value) for name, value in row.headers]
    verdict, reason = _check(headers, row.body if is_whole else None, row.received_at, signers)
    body = row.body if is_whole else row.body[:SHOWN_BODY]
    return Message(row.id, row.received_at, row.method, headers, body, is_whole, row.answered, verdict, reason, again)


def _check(
    headers: list[tuple[str, str]], body: str | None, received_at: datetime, signers: list[auth.Hmac]
) -> tuple[Verdict, str | None]:
    signature = header(headers, "webhook-signature")
    if not signature:
        return Verdict.MISSING, None
    if not signers:
        return Verdict.NOBODY_SIGNS, "No webhook with an HMAC Signature sends to this inbox, so no secret is known for it."
    if body is None:
        return Verdict.UNREADABLE, "The message is long. Open it on a page of its own to have its signature checked."
    keys = [key for signer in signers for key in signer.keys(received_at)]
    webhook_id, timestamp = header(headers, "webhook-id") or "", header(headers, "webhook-timestamp") or ""
    reason = signing.verify(keys, webhook_id, timestamp, body.encode(), signature, received_at.timestamp())
    if reason is None:
        return Verdict.VERIFIED, None
    if "\ufffd" in body:
        return Verdict.UNREADABLE, "The body is not UTF-8 text, so it is not kept as it was signed."
    return Verdict.WRONG, reason


def _repeated(inbox_id: int) -> set[int]:
    """The messages of an inbox whose webhook-id came before; of each only the text of its headers is read."""
    headers = sa.type_coerce(InboxMessage.headers, sa.Text)
    query = sa.select(InboxMessage.id, headers).where(InboxMessage.inbox_id == inbox_id).order_by(InboxMessage.id)
    seen: set[str] = set()
    repeated: set[int] = set()
    for message_id, text in db.session.execute(query):
        if found := _WEBHOOK_ID.search(text):
            if found[1] in seen:
                repeated.add(message_id)
            seen.add(found[1])
    return repeated


def _text(text: str) -> str:
    """Without what PostgreSQL or UTF-8 cannot keep."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
