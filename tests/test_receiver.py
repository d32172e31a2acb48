"""The receiver is what other tests trust: that it records everything, and answers as it is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from tests.conftest import wait_until
from tests.receiver import Reply

ROOT = Path(__file__).parent.parent


def test_it_records_what_it_receives(receiver):
    requests.put(f"{receiver.url}a?b=1", json={"x": 1}, headers={"X-Twice": "1"}, timeout=5)
    request = receiver.wait_for(1)[0]
    assert (request.method, request.path, request.json, request.connection) == ("PUT", "/a?b=1", {"x": 1}, 1)
    assert request.headers["x-TWICE"] == "1"
    assert "X-Twice" in request.headers
    assert ("X-Twice", "1") in request.raw_headers


def test_it_answers_with_one_reply_a_list_or_a_function(receiver):
    def statuses(count):
        return [requests.post(receiver.url, timeout=5).status_code for _ in range(count)]

    receiver.answer = Reply(503)
    assert statuses(2) == [503, 503]
    receiver.answer = [Reply(500), Reply(429), Reply(204)]
    assert statuses(4) == [500, 429, 204, 204]
    receiver.answer = lambda request: Reply(200 + len(receiver.requests))
    assert statuses(2) == [207, 208]


def test_it_keeps_connections_until_it_is_told_to_close_them(receiver):
    with requests.Session() as session:
        session.post(receiver.url, timeout=5)
        session.post(receiver.url, timeout=5)
        assert receiver.accepted == 1
        receiver.close_idle()
        assert receiver.open_connections == 0
        session.post(receiver.url, timeout=5)
        assert receiver.accepted == 2


def test_it_takes_requests_that_arrive_in_pieces_or_together(receiver):
    one = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
        for byte in one:
            sock.send(bytes([byte]))
        sock.sendall(one * 2)
        assert [request.body for request in receiver.wait_for(3)] == [b"abc"] * 3


def test_it_runs_as_a_program(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    output = tmp_path / "received.jsonl"
    with output.open("w") as file:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.receiver", "--port", str(port), "--status", "500"],
            stdout=file,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        wait_until(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None, "the receiver")
        answer = requests.post(f"http://127.0.0.1:{port}/hook", data=b'{"a":1}', headers={"webhook-id": "evt_1"}, timeout=5)
        assert answer.status_code == 500
        wait_until(lambda: output.read_text().endswith("\n"), "the line")
        line = json.loads(output.read_text())
        assert (line["method"], line["path"], line["body"]) == ("POST", "/hook", '{"a":1}')
        assert line["headers"]["webhook-id"] == "evt_1"
    finally:
        program.send_signal(signal.SIGINT)
        assert program.wait(5) == 0
