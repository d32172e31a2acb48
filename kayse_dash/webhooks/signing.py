"""Signatures as in the Standard Webhooks specification (v1, HMAC-SHA256), which its verifier libraries accept. Pure.

Source: standard-webhooks, spec/standard-webhooks.md, "Webhook Headers" and "Signature scheme", version 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32
SHORTEST, LONGEST = 24, 64  # bytes of key material that the specification allows
TOLERANCE_S = 5 * 60


def new_secret() -> str:
    """A fresh secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key bytes of a secret.

    Raises:
        ValueError: it is not base64 of 24 to 64 bytes; the message is fit for a person.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("A signing secret is whsec_ followed by base64 text.") from error
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"A signing secret holds {SHORTEST} to {LONGEST} bytes; this one holds {len(key)}.")
    return key


def sign(keys: Iterable[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,` signature for each key, separated by spaces.

    Args:
        timestamp: Unix seconds, as in `webhook-timestamp`.
    """
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)


def verify(keys: Iterable[bytes], webhook_id: str, timestamp: str, body: bytes, signature: str, now: float) -> str | None:
    """Check a signature as a receiver does; None when it is good, else the reason in words.

    Args:
        now: Unix seconds; the timestamp may differ by five minutes at most.
    """
    if not signature:
        return "There is no signature."
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return "The timestamp is not a number."
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return "The timestamp is more than five minutes away from the clock here."
    expected = sign(keys, webhook_id, int(timestamp), body).split()
    given = [part.encode("utf-8", "replace") for part in signature.split()]
    good = any(hmac.compare_digest(one.encode(), other) for one in expected for other in given)
    return None if good else "The signature does not match: it was made with another secret, or the body was changed."
