from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash.outbound.answers import (
    KEPT_BODY,
    LONGEST_RETRY_AFTER_S,
    Answer,
    Reason,
    expand,
    kept_headers,
    no_answer,
    retry_after,
    text_of,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Monday, 23-Nov-26 12:05:00 GMT", 300),  # the obsolete forms of RFC 9110 section 5.6.7
        ("Mon Nov 23 12:05:00 2026", 300),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("9" * 90, LONGEST_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_S),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 99 Nov 2026 12:00:00 GMT", None),
        ("Mon, 23 Nov 99999999999 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value, seconds):
    assert retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("raw", "codings"),
    [
        (b"hello", ""),
        (b"hello", "identity"),
        (gzip.compress(b"hello", mtime=0), "gzip"),
        (gzip.compress(b"hello", mtime=0), "X-GZIP"),
        (zlib.compress(b"hello"), "deflate"),
        (bare_deflate(b"hello"), "deflate"),
        (gzip.compress(zlib.compress(b"hello"), mtime=0), "deflate, gzip"),
    ],
)
def test_a_compressed_body_is_expanded(raw, codings):
    assert expand(raw, codings) == (b"hello", False, None)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_is_expanded_no_further_than_what_is_kept(layers):
    body = bytes(50_000_000)
    for _ in range(layers):
        body = gzip.compress(body, 6)
    data, cut, wrong = expand(body[: 2 * KEPT_BODY], ",".join(["gzip"] * layers))
    assert len(data) <= KEPT_BODY + 1
    assert cut
    assert wrong is None


def test_a_body_of_exactly_what_is_kept_is_whole():
    assert expand(gzip.compress(b"x" * KEPT_BODY), "gzip") == (b"x" * KEPT_BODY, False, None)


def test_broken_compression_gives_the_body_as_far_as_it_goes():
    body = " ".join(str(number * number) for number in range(5000)).encode()
    packed = gzip.compress(body)
    data, cut, wrong = expand(packed[:10_000] + packed[:10_000], "gzip")
    assert len(data) > 10_000
    assert body.startswith(data[:10_000])
    assert cut
    assert wrong == "the body's gzip compression is broken"


@pytest.mark.parametrize("codings", ["br", "zstd", "gzip, gzip, gzip, gzip", "nonsense"])
def test_an_unknown_compression_is_said_and_not_guessed_at(codings):
    data, cut, wrong = expand(b"\x1f\x8b whatever", codings)
    assert (data, cut) == (b"", True)
    assert codings in wrong


def test_bytes_after_the_compressed_body_are_not_kept():
    assert expand(gzip.compress(b"hello") + b"trailing", "gzip") == (b"hello", True, None)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Grüße".encode(), "text/plain", "Grüße"),
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Grüße"),
        ("Grüße".encode("cp1252"), 'text/html; Charset="windows-1252"', "Grüße"),
        ("Grüße".encode("utf-16"), "text/plain; charset=utf-16", "Grüße"),
        (b"\xff\xfeA", "text/plain", "\ufffd\ufffdA"),
        (b"a\0b", "text/plain", "a\ufffdb"),
        (b"\xed\xa0\x80", "application/json", "\ufffd\ufffd\ufffd"),
        (b"\\ud800", "text/plain; charset=unicode_escape", "\\ud800"),
        (b"+2AA-", "text/plain; charset=utf-7", "+2AA-"),
        (b"hello", "text/plain; charset=base64", "hello"),
        (b"hello", "text/plain; charset=iso-8859-12", "hello"),
        (b"hello", "charset=", "hello"),
    ],
)
def test_a_body_is_decoded_without_nul_and_lone_surrogates(body, content_type, text):
    assert text_of(body, content_type, False) == text


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf8", "us-ascii", "latin1", "utf-16", "utf-16le", "shift_jis", "euc-jp", "gb18030", "big5", "koi8-r"]
)
def test_no_charset_makes_text_that_cannot_be_stored(charset):
    every_byte = bytes(range(256)) * 4 + b"\xd8\x00\xdc\x00\x00\xd8\x00\x00"
    text = text_of(every_byte, f"text/plain; charset={charset}", False)
    assert "\0" not in text
    assert text.encode("utf-8")


def test_half_a_character_at_the_cut_is_left_out():
    assert text_of("Grü".encode()[:3], "text/plain", True) == "Gr"
    assert text_of("Grü".encode()[:3], "text/plain", False) == "Gr\ufffd"


def test_headers_are_limited_in_number_and_length():
    kept = kept_headers([("X-A", "v" * 5000), ("X-B", "a\0b"), *((f"X-{n}", "v") for n in range(100))])
    assert len(kept) == 50
    assert kept[0] == ("X-A", "v" * 1000)
    assert kept[1] == ("X-B", "a\ufffdb")


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False), (500, False)])
def test_only_2xx_is_ok(status, ok):
    assert Answer(status, [], "", False, None, None, 1.0).ok is ok


def test_no_answer_is_not_ok_and_its_detail_is_short():
    answer = no_answer(Reason.TOKEN, "x" * 1000)
    assert not answer.ok
    assert answer.status is None
    assert answer.detail == "x" * 300


def test_every_reason_fits_its_column():
    assert all(len(reason) <= 40 for reason in Reason)
