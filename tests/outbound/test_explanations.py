from __future__ import annotations

import re

import pytest

from kayse_dash.outbound.answers import Reason
from kayse_dash.outbound.explanations import explain

STATUSES = [
    200,
    204,
    301,
    308,
    400,
    401,
    403,
    404,
    405,
    408,
    410,
    413,
    415,
    418,
    422,
    429,
    500,
    502,
    503,
    504,
    599,
    101,
    700,
    999,
]
JARGON = re.compile(
    r"\b(TLS|SSL|DNS|TCP|HTTP|socket|reset|payload|endpoint|SSRF|loopback|exception|handshake|resolve)\b", re.IGNORECASE
)


@pytest.mark.parametrize(
    ("reason", "status"), [(reason.value, None) for reason in Reason] + [(None, status) for status in STATUSES]
)
def test_everything_is_explained_in_plain_words(reason, status):
    happened, remedy = explain(reason, status, 15.0)
    assert happened.endswith(".")
    assert remedy.endswith(".")
    assert "{" not in happened + remedy
    assert not JARGON.search(happened + remedy)
    assert status is None or f"({status})" in happened


def test_every_explanation_is_a_different_one():
    said = [explain(reason, None, 15) for reason in Reason] + [explain(None, status, 15) for status in STATUSES]
    assert len({happened for happened, _ in said}) == len(said)


@pytest.mark.parametrize(
    ("timeout", "words"), [(15.0, "within 15 seconds"), (1.0, "within 1 second."), (0.5, "within 0.5 seconds")]
)
def test_the_time_limit_is_the_one_that_applied(timeout, words):
    assert words in explain("timeout", None, timeout)[0]
    assert words in explain("connect_timeout", None, timeout)[0]


def test_a_reason_that_is_not_known_here_is_explained_too():
    assert explain("from_a_later_version", None, 15)[0] == "The event could not be sent."
    assert explain(None, None, 15)[0] == "The event could not be sent."
