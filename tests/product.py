"""The whole product as `python app.py` runs it: real processes, the embedded Redis server, a data folder of their own.

In a test:      def test_x(start): product = start(KAYSE_RETRY_WAITS="0,1").wait(); api = product.api(); api.post("/v1/events", …)
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from kayse_dash.config import embedded_socket
from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parent.parent
# How soon a process that was killed is replaced. Alone it takes two seconds, but other tests keep the processors busy.
BACK_WITHIN_S = 15
# Receivers of this machine may be destinations.
TO_THIS_MACHINE = {"KAYSE_ALLOW_HTTP": "1", "KAYSE_ALLOWED_NETWORKS": "127.0.0.0/8"}


class Api:
    """The JSON API as a program uses it, with a key.

    `get`, `post`, `patch` and `delete` return what the answer says and insist on success; `send` returns any answer.
    """

    def __init__(self, address: str, key: str | None) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False
        if key:
            self.session.headers["X-API-KEY"] = key

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.session.request(method, self.address + path, json=body, timeout=20, **more)

    def get(self, path: str) -> Any:
        return self._well("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._well("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._well("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._well("DELETE", path)

    def settled(self, delivery_id: int, seconds: float = 10.0) -> Any:
        """A delivery, as soon as nothing more happens to it by itself."""
        path = f"/v1/deliveries/{delivery_id}"
        wait_until(lambda: self.get(path)["state"] not in ("pending", "sending"), f"the end of delivery {delivery_id}", seconds)
        return self.get(path)

    def _well(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.send(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class Product:
    """One run of Kayse Dash on a data folder, in a process group of its own."""

    def __init__(self, folder: Path, port: int, command: Sequence[str] = (sys.executable, "app.py"), **env: str) -> None:
        self.folder = folder
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.env = environment(folder, port, **env)
        self.log = folder.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def printed(self) -> str:
        return self.log.read_text()

    def wait(self) -> Product:
        """Wait until everything is up."""
        wait_until(lambda: "Press Ctrl-C" in self.printed or self.process.poll() is not None, "the start", 60)
        assert self.process.poll() is None, self.printed
        wait_until(self.ready, "readiness", 60)
        return self

    def ready(self) -> bool:
        try:
            return json.loads(self.get("/readyz"))["status"] == "ready"
        except urllib.error.HTTPError:
            return False

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=20) as answer:
            return answer.read()

    def command(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """What `flask --app app …` does beside the running product; `typed` is its standard input."""
        return flask_command(self.env, *words, typed=typed)

    def api(self, name: str = "story") -> Api:
        """The API with a fresh key, which the command prints alone on its last line."""
        return Api(self.address, self.command("api-key", "create", name).stdout.splitlines()[-1])

    def all_processes(self) -> set[int]:
        """Every process of this run: its environment names the data folder (Valkey writes over that) or its title the socket."""
        folder, socket_file = f"KAYSE_DATA_DIR={self.folder}".encode(), bytes(embedded_socket(self.folder))
        return {
            int(pid)
            for pid in filter(str.isdigit, os.listdir("/proc"))
            if folder in read(f"/proc/{pid}/environ").split(b"\0") or socket_file in read(f"/proc/{pid}/cmdline")
        }

    def below(self, parent: int) -> set[int]:
        line = f"\nPPid:\t{parent}\n".encode()
        return {pid for pid in self.all_processes() if line in read(f"/proc/{pid}/status")}

    def children(self, of: str) -> set[int]:
        """The processes that the supervisor itself started and whose command line has `of` in it."""
        started = self.below(self.process.pid)
        return {pid for pid in started if of.encode() in read(f"/proc/{pid}/cmdline").replace(b"\0", b" ")}

    def child(self, of: str) -> int | None:
        """One of them."""
        return next(iter(self.children(of)), None)

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(f"unix://{embedded_socket(self.folder)}")

    def stop(self, number: int = signal.SIGTERM, within: float = 10) -> int:
        self.process.send_signal(number)
        return self.process.wait(within)

    def kill(self) -> None:
        """End whatever of it still runs."""
        for pid in self.all_processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def flask_command(env: dict[str, str], *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """What `flask --app app …` does with these variables."""
    command = [sys.executable, "-m", "flask", "--app", "app", *words]
    return subprocess.run(command, cwd=PROJECT, env=env, input=typed, capture_output=True, text=True, timeout=60)


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def environment(folder: Path, port: int, **env: str) -> dict[str, str]:
    theirs = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return theirs | {"KAYSE_DATA_DIR": str(folder), "PORT": str(port), "KAYSE_WORKERS": "2"} | env


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Product]]:
    """`start(folder, port, **variables)` runs the product; whatever a test leaves running is killed."""
    started: list[Product] = []

    def run(folder: Path | None = None, port: int | None = None, **more: Any) -> Product:
        product = Product(folder or tmp_path_factory.mktemp("run") / "data", port or free_port(), **more)
        started.append(product)
        return product

    yield run
    for product in started:
        product.kill()
