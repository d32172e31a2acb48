"""What came of one request, as a value, and the plain words for it. Pure."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

KEPT_BODY = 64 * 1024
KEPT_HEADERS = 50
KEPT_HEADER_VALUE = 1000
KEPT_DETAIL = 300

LONGEST_RETRY_AFTER_S = 366 * 86400

# A body that was compressed twice and does not compress further is a little longer in between than in the end.
_KEPT_BETWEEN = 2 * KEPT_BODY
_MOST_CODINGS = 3
_PIECE = 1024

# Python's other codecs are not character sets (`unicode_escape` makes lone surrogates, `punycode` takes quadratic time).
_CHARSET = re.compile(
    r"utf-?8|us-ascii|ascii|latin-?1|iso-8859-\d\d?|(?:windows-|cp)125\d|utf-16(?:le|be|-le|-be)?"
    r"|shift_jis|euc-jp|euc-kr|gb2312|gbk|gb18030|big5|koi8-[ru]"
)
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)


class Reason(StrEnum):
    """Why there was no usable answer; stored in `attempts.error`."""

    DNS = "dns"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    TIMEOUT = "timeout"
    RESET = "reset"
    TLS = "tls"
    PROTOCOL = "protocol"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request. `reason` is set exactly when there was no answer to use; then `status` is None.

    Args:
        headers: at most 50, each value cut at 1,000 characters.
        body: at most 64 KiB, decompressed and decoded; without NUL and lone surrogates.
        truncated: there was more of the body, or it could not be read to its end.
        detail: short technical words, never a secret.
        duration_ms: from the call to the end of the body.
        timings: milliseconds by phase. `dns`, `connect` and `tls` are lengths, there only when a connection was made;
            `first_byte` and `total` count from the call.
        retry_after: what the other side asks to wait, counted from the answer.
    """

    status: int | None
    headers: list[tuple[str, str]] | None
    body: str
    truncated: bool
    reason: Reason | None
    detail: str | None
    duration_ms: float
    timings: dict[str, float] = field(default_factory=dict)
    retry_after: timedelta | None = None

    @property
    def ok(self) -> bool:
        return self.reason is None and self.status is not None and 200 <= self.status < 300


def no_answer(reason: Reason, detail: str, duration_ms: float = 0.0, timings: dict[str, float] | None = None) -> Answer:
    """The answer that says why there was none; also for callers that gave up before sending (`Reason.TOKEN`)."""
    return Answer(None, None, "", False, reason, clean(detail)[:KEPT_DETAIL], duration_ms, timings or {})


def kept_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first 50 headers, each cut to what is worth keeping."""
    kept = []
    for name, value in headers:
        kept.append((clean(name[:KEPT_HEADER_VALUE]), clean(value[:KEPT_HEADER_VALUE])))
        if len(kept) == KEPT_HEADERS:
            break
    return kept


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot store."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110 section 10.2.3). None where it is absent or nonsense."""
    value = (value or "")[:100].strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value), LONGEST_RETRY_AFTER_S))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return timedelta(seconds=min(max((moment - now).total_seconds(), 0), LONGEST_RETRY_AFTER_S))


def expand(raw: bytes, codings: str) -> tuple[bytes, bool, str | None]:
    """Undo the Content-Encoding of a body as far as it goes, never further than what is kept.

    Args:
        raw: the body as received, or its beginning.
        codings: the header, such as `gzip` or `deflate, gzip` (applied in that order; RFC 9110 section 8.4).

    Returns:
        the body (at most one byte more than is kept); whether it stops before its end; what was wrong, if anything.
    """
    names = [name for part in reversed(codings.lower().split(",")) if (name := part.strip()) not in ("", "identity")]
    unknown = [name for name in names if name not in ("gzip", "x-gzip", "deflate")]
    if unknown or len(names) > _MOST_CODINGS:
        return b"", True, f"the body is compressed in a way that is not read here ({codings[:60]})"
    cut, wrong = False, None
    if not raw:
        return raw, cut, wrong
    for index, name in enumerate(names):
        most = KEPT_BODY + 1 if index == len(names) - 1 else _KEPT_BETWEEN
        raw, stopped, broken = _inflate(raw, name, most)
        cut = cut or stopped
        if broken:
            wrong = f"the body's {name} compression is broken"
    return raw, cut, wrong


def _inflate(raw: bytes, name: str, most: int) -> tuple[bytes, bool, bool]:
    # `deflate` means zlib's format, and some servers send the bare one (RFC 9110 section 8.4.1.2).
    formats = (zlib.MAX_WBITS, -zlib.MAX_WBITS) if name == "deflate" else (16 + zlib.MAX_WBITS,)
    for wbits in formats:
        inflater, out, fed = zlib.decompressobj(wbits), b"", 0
        try:
            # In small pieces: what came before a fault is kept.
            while fed < len(raw) and len(out) < most and not inflater.eof:
                out += inflater.decompress(raw[fed : fed + _PIECE], most - len(out))
                fed += _PIECE
        except zlib.error:
            if out:
                break
        else:
            ended = inflater.eof and not inflater.unused_data and fed >= len(raw)
            return out, not ended, False
    return out, True, True


def text_of(body: bytes, content_type: str, cut: bool) -> str:
    """Decode a body by its charset, else as UTF-8; what cannot be decoded becomes U+FFFD.

    Args:
        cut: the body stops before its end, so that half a character there is no fault.
    """
    charset = "utf-8"
    if "charset" in content_type.lower() and (named := _CHARSET_PARAMETER.search(content_type)):
        charset = named[1].lower() if _CHARSET.fullmatch(named[1].lower()) else charset
    try:
        text = codecs.getincrementaldecoder(charset)("replace").decode(body, not cut)
    except (LookupError, UnicodeError):  # iso-8859-12 does not exist, and UTF-16 is refused without a byte order mark
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(body, not cut)
    return clean(text)
