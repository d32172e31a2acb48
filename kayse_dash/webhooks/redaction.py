"""Keeping secrets out of what is recorded of a request and its answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"

# A shorter text would be found in innocent words.
SHORTEST_SECRET = 4
# An answer that was cut may end inside a secret; what shows at least this much of its beginning is hidden too.
SHORTEST_PART = 8

_SCHEMES = frozenset({"basic", "bearer", "token", "apikey"})


def spellings(secrets: Iterable[str]) -> list[str]:
    """Each secret as a receiver may send it back: as it is, inside JSON (also with PHP's `\\/`), in a URL; the longest first."""
    found = set()
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            in_json = json.dumps(secret)[1:-1]
            found |= {secret, json.dumps(secret, ensure_ascii=False)[1:-1], in_json, in_json.replace("/", "\\/")}
            found.add(quote(secret, safe=""))
    return sorted(found, key=lambda text: (-len(text), text))


def redact(text: str, spelled: Iterable[str]) -> str:
    """`text` without any of the secrets that `spellings` gave."""
    for secret in spelled:
        if secret in text:
            text = text.replace(secret, HIDDEN)
        part = secret[:SHORTEST_PART]
        at = text.find(part, max(0, len(text) - len(secret)))
        while at >= 0 and not secret.startswith(text[at:]):
            at = text.find(part, at + 1)
        if at >= 0:
            text = text[:at] + HIDDEN
    return text


def hidden(name: str, value: str) -> str:
    """`value` of a proving header as it may be recorded: its scheme stays, its secret does not."""
    scheme, space, _ = value.partition(" ")
    shown = name.lower() == "authorization" and space and scheme.lower() in _SCHEMES
    return f"{scheme} {HIDDEN}" if shown else HIDDEN
