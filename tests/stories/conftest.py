"""What stories about a running product share; a module that uses it has a fixture `api`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.product import Api
from tests.receiver import Receiver


@pytest.fixture
def make_webhook(api: Api, receiver: Receiver) -> Iterator[Callable[..., dict[str, Any]]]:
    """`make_webhook(auth=…)` makes a webhook to the receiver, which is gone when the test is over."""
    made = []

    def make(**over: Any) -> dict[str, Any]:
        made.append(api.post("/v1/webhooks", {"name": "Case management", "url": receiver.url} | over))
        return made[-1]

    yield make
    for hook in made:
        api.delete(f"/v1/webhooks/{hook['id']}")
