"""What a test inbox keeps of a request, and what it says of its signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.messages import Message, Verdict
from kayse_dash.inbox.models import Inbox, InboxMessage
from kayse_dash.webhooks import auth, endpoints, envelope, signing
from kayse_dash.webhooks.models import Endpoint
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
SECRET = signing.new_secret()
BODY = envelope.body("call_ended", NOW, '{"id":"call_1"}')


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    inbox = inboxes.create("Case management", NOW)
    db.session.commit()
    return inbox


def keep(inbox: Inbox, *headers: tuple[str, str], body: bytes = BODY, now: datetime = NOW) -> None:
    messages.store(inbox.id, "POST", headers, body, 200, now)
    db.session.commit()


def signed(secret: str = SECRET, webhook_id: str = "evt_1", body: bytes = BODY, at: datetime = NOW) -> list[tuple[str, str]]:
    """The headers of a delivery, named as WSGI names them."""
    seconds = int(at.timestamp())
    signature = signing.sign([signing.key_of(secret)], webhook_id, seconds, body)
    made = envelope.headers(webhook_id, seconds, signature=signature)
    return [(name.title(), value) for name, value in made.items()]


def newest(inbox: Inbox) -> list[Message]:
    return messages.page(inbox, inboxes.senders(inbox), None)[0]


def sender(inbox: Inbox, **over: object) -> Endpoint:
    return make_endpoint(**{"url": inboxes.address(inbox), "auth": auth.Hmac(SECRET), **over})


@on_both_databases
def test_only_the_newest_500_are_kept_and_other_inboxes_are_left_alone(inbox: Inbox) -> None:
    other = inboxes.create("Another", NOW)
    keep(other, body=b"untouched")
    rows = [
        {"inbox_id": inbox.id, "received_at": NOW, "method": "POST", "headers": [], "body": str(number), "answered": 200}
        for number in range(500)
    ]
    db.session.execute(sa.insert(InboxMessage), rows)
    keep(inbox, body=b"500")
    keep(inbox, body=b"501")
    kept = list(
        db.session.scalars(sa.select(InboxMessage.body).where(InboxMessage.inbox_id == inbox.id).order_by(InboxMessage.id))
    )
    assert kept == [str(number) for number in range(2, 502)]
    assert [message.body for message in newest(other)] == ["untouched"]


@on_both_databases
def test_a_body_of_any_bytes_is_kept_as_text(inbox: Inbox) -> None:
    keep(inbox, ("X-Note", "caf\xe9 \udcff\0"), body=b"a\0b\xff")
    [message] = newest(inbox)
    assert message.body == "a\ufffdb\ufffd"
    assert message.headers == [("X-Note", "café ?\ufffd")]


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Authorization", "Bearer abcdefghijklmnop", "Bearer abcd…"),
        ("Authorization", "Basic dXNlcjpwYXNzd29yZA==", "Basic dXNl…"),
        ("Authorization", "abcdefghijklmnop", "abcd…"),
        ("Proxy-Authorization", "Bearer short", "Bearer …"),
        ("Cookie", "session=0123456789", "sess…"),
        ("X-Public-Api-Key", "kd_live_0123456789", "kd_l…"),
        ("X-Api-Key", "tiny", "…"),
        ("X-Hub-Signature", "sha256=0123456789", "sha2…"),
        ("X-Clio", "sk0live1a2b3c4d5e6f7g8h9i0", "sk0l…"),
        ("X-Clio", "token sk0live1a2b3c4d5e6f7g8h9i0", "toke…"),
        ("X-Clio", "a plain sentence of more than twenty-four letters", "a plain sentence of more than twenty-four letters"),
        ("Webhook-Id", "evt_01kpabcdefghjkmnpqrstvwxyz", "evt_01kpabcdefghjkmnpqrstvwxyz"),
        (
            "Webhook-Signature",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ),
        ("Host", "dash1.intake.example-firm.com:8443", "dash1.intake.example-firm.com:8443"),
        ("User-Agent", "Kayse-Dash/1.0", "Kayse-Dash/1.0"),
        ("X-Long", "x " * 600, "x " * 500),
    ],
)
def test_of_what_proves_a_sender_only_the_beginning_is_kept(name: str, value: str, kept: str) -> None:
    assert messages.hidden(name, value) == kept


def test_headers_beyond_sixty_are_left_out(inbox: Inbox) -> None:
    keep(inbox, *((f"X-{number}", "1") for number in range(70)))
    [message] = newest(inbox)
    assert [name for name, _ in message.headers] == [f"X-{number}" for number in range(60)]


def test_a_delivery_of_a_webhook_that_sends_here_is_verified(inbox: Inbox) -> None:
    sender(inbox)
    keep(inbox, *signed())
    [message] = newest(inbox)
    assert (message.verdict, message.reason) == (Verdict.VERIFIED, None)
    assert (message.event, message.webhook_id, message.is_test) == ("call_ended", "evt_1", False)


def test_another_secret_or_another_body_does_not_match(inbox: Inbox) -> None:
    sender(inbox)
    keep(inbox, *signed(signing.new_secret()))
    keep(inbox, *signed(), body=BODY + b" ")
    for message in newest(inbox):
        assert message.verdict is Verdict.WRONG
        assert "another secret" in message.reason


def test_a_signature_is_checked_against_the_time_it_was_received(inbox: Inbox) -> None:
    sender(inbox)
    keep(inbox, *signed(at=NOW), now=NOW + timedelta(minutes=4))
    keep(inbox, *signed(at=NOW), now=NOW + timedelta(minutes=6))
    replayed, fresh = newest(inbox)
    assert fresh.verdict is Verdict.VERIFIED
    assert replayed.verdict is Verdict.WRONG
    assert "five minutes" in replayed.reason


def test_what_the_old_secret_signed_before_a_rotation_stays_verified(inbox: Inbox) -> None:
    hook = sender(inbox)
    keep(inbox, *signed())
    new = endpoints.rotate_secret(hook, NOW + timedelta(minutes=1))
    db.session.commit()
    later = NOW + timedelta(hours=30)
    keep(inbox, *signed(new, at=later), now=later)
    keep(inbox, *signed(SECRET, at=later), now=later)
    assert [message.verdict for message in newest(inbox)] == [Verdict.WRONG, Verdict.VERIFIED, Verdict.VERIFIED]


def test_a_message_without_a_signature_says_so(inbox: Inbox) -> None:
    sender(inbox)
    keep(inbox, ("Content-Type", "application/json"))
    assert newest(inbox)[0].verdict is Verdict.MISSING


def test_a_signature_that_nobody_here_can_check_is_not_called_wrong(inbox: Inbox) -> None:
    sender(inbox, auth=auth.NoAuth())
    keep(inbox, *signed())
    assert newest(inbox)[0].verdict is Verdict.NOBODY_SIGNS


def test_a_body_that_could_not_be_kept_to_the_letter_is_not_called_wrong(inbox: Inbox) -> None:
    sender(inbox)
    body = b'{"event":"call_ended","note":"caf\xe9"}'
    keep(inbox, *signed(body=body), body=body)
    assert newest(inbox)[0].verdict is Verdict.UNREADABLE


def test_a_long_body_is_cut_in_the_list_and_whole_and_checked_alone(inbox: Inbox) -> None:
    sender(inbox)
    body = envelope.body("call_ended", NOW, '"' + "x" * messages.SHOWN_BODY + '"')
    keep(inbox, *signed(body=body), body=body)
    [listed] = newest(inbox)
    assert (len(listed.body), listed.is_whole, listed.verdict) == (messages.SHOWN_BODY, False, Verdict.UNREADABLE)
    alone = messages.get(inbox, listed.id, inboxes.senders(inbox))
    assert (alone.body.encode(), alone.is_whole, alone.verdict) == (body, True, Verdict.VERIFIED)


@on_both_databases
def test_a_repeated_webhook_id_is_marked_from_the_second_time_on(inbox: Inbox) -> None:
    for webhook_id in ("evt_1", "evt_2", "evt_1", "evt_1"):
        keep(inbox, ("Webhook-Id", webhook_id))
    keep(inbox)
    assert [message.again for message in newest(inbox)] == [False, True, True, False, False]


@on_both_databases
def test_pages_hold_fifty_and_follow_each_other(inbox: Inbox) -> None:
    for number in range(60):
        messages.store(inbox.id, "POST", [], str(number).encode(), 200, NOW)
    shown, first = messages.page(inbox, [], None)
    assert [message.body for message in shown] == [str(number) for number in range(59, 9, -1)]
    rest, last = messages.page(inbox, [], first.older)
    assert [message.body for message in rest] == [str(number) for number in range(9, -1, -1)]
    assert (first.newer, last.older) == (None, None)


@pytest.mark.parametrize("message_id", [0, 999, 2**63, 2**80])
def test_a_message_that_is_not_there_is_not_found(inbox: Inbox, message_id: int) -> None:
    with pytest.raises(NotFound):
        messages.get(inbox, message_id, [])


def test_a_message_of_another_inbox_is_not_found(inbox: Inbox) -> None:
    keep(inbox)
    other = inboxes.create("Another", NOW)
    with pytest.raises(NotFound):
        messages.get(other, newest(inbox)[0].id, [])
