"""Signatures, checked with the public library that receivers use."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from kayse_dash.webhooks import signing
from kayse_dash.webhooks.auth import Hmac

NOW = datetime.now(UTC)
STAMP = int(NOW.timestamp())
BODY = '{"event":"call_ended","timestamp":"2026-03-09T14:00:00Z","data":{"name":"José Núñez"}}'.encode()
OLD, NEW, OTHER = (signing.new_secret() for _ in range(3))
ID = "evt_01hq3"


def signed(auth: Hmac, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    stamp = int(time.time())  # the library looks at the clock, and this module may have been loaded a while ago
    signature = signing.sign(auth.keys(at), ID, stamp, body)
    return {"webhook-id": ID, "webhook-timestamp": str(stamp), "webhook-signature": signature}


def test_a_secret_is_whsec_and_32_fresh_bytes() -> None:
    assert OLD.startswith("whsec_")
    assert len(signing.key_of(OLD)) == 32
    assert len({OLD, NEW, OTHER}) == 3


def test_the_public_library_accepts_a_signature() -> None:
    assert Webhook(OLD).verify(BODY, signed(Hmac(OLD))) == json.loads(BODY)


def test_the_signature_of_the_specification() -> None:
    # The example in the specification's reference implementations' tests.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = signing.sign([signing.key_of(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_both_secrets_are_accepted() -> None:
    headers = signed(Hmac(OLD).rotated(NEW, NOW))
    assert Webhook(NEW).verify(BODY, headers)
    assert Webhook(OLD).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


def test_after_the_overlap_only_the_new_secret_signs() -> None:
    headers = signed(Hmac(OLD).rotated(NEW, NOW), at=NOW + timedelta(hours=24))
    assert Webhook(NEW).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, headers)


def test_a_rotation_without_overlap_retires_the_old_secret_at_once() -> None:
    assert Hmac(OLD).rotated(NEW, NOW, timedelta(0)) == Hmac(NEW)


def test_two_rotations_in_a_day_leave_three_secrets_signing() -> None:
    auth = Hmac(OLD).rotated(NEW, NOW).rotated(OTHER, NOW + timedelta(hours=1))
    headers = signed(auth, at=NOW + timedelta(hours=2))
    for secret in (OLD, NEW, OTHER):
        assert Webhook(secret).verify(BODY, headers)
    assert auth.keys(NOW + timedelta(hours=24, minutes=30)) == [signing.key_of(OTHER), signing.key_of(NEW)]


def test_retired_secrets_are_forgotten_with_the_next_rotation() -> None:
    auth = Hmac(OLD).rotated(NEW, NOW).rotated(OTHER, NOW + timedelta(days=2))
    assert [secret for secret, _ in auth.previous] == [NEW]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY.replace(b"call_ended", b"call_endeD")},
        {"body": BODY + b" "},
        {"webhook-id": "evt_other"},
        {"webhook-timestamp": str(STAMP - 1)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_nothing_that_is_signed_can_be_changed(changed: dict) -> None:
    headers = signed(Hmac(OLD)) | {name: value for name, value in changed.items() if name != "body"}
    body = changed.get("body", BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body, headers)
    keys = [signing.key_of(OLD)]
    assert signing.verify(
        keys, headers["webhook-id"], headers["webhook-timestamp"], body, headers["webhook-signature"], NOW.timestamp()
    )


@pytest.mark.parametrize(
    ("timestamp", "signature", "words"),
    [
        (str(STAMP), "", "no signature"),
        ("", "v1,xx", "not a number"),
        ("12a", "v1,xx", "not a number"),
        ("-5", "v1,xx", "not a number"),
        ("٣", "v1,xx", "not a number"),  # a digit, but not one of ASCII
        ("9" * 5000, "v1,xx", "not a number"),
        (str(STAMP - 301), "v1,xx", "five minutes"),
        (str(STAMP + 302), "v1,xx", "five minutes"),
        (str(STAMP), "v1,xx", "does not match"),
        (str(STAMP), "v1,\ud800 v1,é", "does not match"),
        (str(STAMP), "   ", "does not match"),
    ],
    ids=range(11),  # the values hold the time of day, which xdist's processes do not agree on
)
def test_why_a_signature_is_refused(timestamp: str, signature: str, words: str) -> None:
    refusal = signing.verify([signing.key_of(OLD)], ID, timestamp, BODY, signature, float(STAMP))
    assert words in (refusal or "")


def test_our_own_verifier_accepts_what_the_library_signs() -> None:
    theirs = Webhook(OLD).sign(ID, NOW, BODY.decode())
    assert (
        signing.verify([signing.key_of(OLD)], ID, str(STAMP), BODY, f"v1,{base64.b64encode(b'x' * 32).decode()} {theirs}", STAMP)
        is None
    )


@pytest.mark.parametrize("size", [24, 32, 64])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_secrets_of_24_to_64_bytes_are_taken(size: int, prefix: str) -> None:
    assert signing.key_of(prefix + base64.b64encode(b"k" * size).decode()) == b"k" * size


@pytest.mark.parametrize("size", [0, 1, 23, 65, 200])
def test_shorter_and_longer_secrets_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"24 to 64 bytes; this one holds {size}"):
        signing.key_of("whsec_" + base64.b64encode(b"k" * size).decode())


@pytest.mark.parametrize("text", ["whsec_not base64 at all!", "whsec_abc", "é" * 32, "\ud800" * 32, "whsec_" + "A" * 32 + "\n"])
def test_secrets_that_are_no_base64_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_ followed by base64"):
        signing.key_of(text)
