"""The body and the headers that every webhook gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from kayse_dash.webhooks import envelope

NOON = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def test_the_body_is_event_timestamp_and_data_in_this_order() -> None:
    body = envelope.body("call_ended", NOON, '{"z":1,"a":2}')
    assert body == b'{"event":"call_ended","timestamp":"2024-01-15T10:30:00Z","data":{"z":1,"a":2}}'
    assert list(json.loads(body)) == ["event", "timestamp", "data"]


@pytest.mark.parametrize(
    "data",
    [
        "{}",
        '{"name":"José Núñez-Ibarra","emoji":"🙂","zh":"律师"}',
        '{"id":123456789012345678901234567890}',
        '{"amount":1.10,"tiny":1e-400,"one":1.0}',
        '{"z":1,"a":1,"z":2}',  # even what another parser would fold stays
        '{"quote":"\\"\\\\ \\u0007"}',
        '{"deep":[[[[{"a":[]}]]]]}',
    ],
)
def test_the_data_goes_in_to_the_letter(data: str) -> None:
    assert envelope.body("x", NOON, data).decode().endswith(f'"data":{data}}}')


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOON, "2024-01-15T10:30:00Z"),
        (NOON.replace(microsecond=250_999), "2024-01-15T10:30:00.250Z"),
        (NOON.replace(microsecond=999), "2024-01-15T10:30:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=-5))), "2024-01-15T10:30:00Z"),
        (datetime(987, 1, 2, tzinfo=UTC), "0987-01-02T00:00:00Z"),
    ],
)
def test_the_timestamp_is_utc_with_z(moment: datetime, written: str) -> None:
    assert json.loads(envelope.body("x", moment, "{}"))["timestamp"] == written


def test_the_headers_that_every_attempt_has() -> None:
    assert envelope.headers("evt_1", 1_705_314_600) == {
        "Content-Type": "application/json",
        "User-Agent": "Kayse-Dash/1.0",
        "webhook-id": "evt_1",
        "webhook-timestamp": "1705314600",
    }


def test_signatures_and_tests_add_one_header_each() -> None:
    plain = envelope.headers("evt_1", 5)
    more = envelope.headers("evt_1", 5, signature="v1,abc", is_test=True)
    assert more.items() - plain.items() == {("webhook-signature", "v1,abc"), ("webhook-test", "true")}
