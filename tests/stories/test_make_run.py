"""`make run`, the way a person starts it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.product import PROJECT, Product, read

INSTALLED = str(PROJECT / ".venv" / "installed-requirements.txt")

pytestmark = [
    pytest.mark.slow,
    # Else it would install first, from the network.
    pytest.mark.skipif(read(INSTALLED) != read(str(PROJECT / "requirements.txt")), reason="runs where make installed it all"),
]


def test_make_run_starts_everything_and_ctrl_c_ends_all_of_it(start: Callable[..., Product]) -> None:
    product = start(command=("make", "run")).wait()
    assert f"Kayse Dash is running at {product.address}" in product.printed
    assert "Set-up code: " in product.printed
    os.killpg(product.process.pid, signal.SIGINT)  # as a terminal does: to make, and to what make runs
    product.process.wait(10)
    assert product.all_processes() == set()
