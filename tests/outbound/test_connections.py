from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

from kayse_dash.outbound import Reason
from kayse_dash.outbound.client import _Request
from kayse_dash.outbound.connections import MOST_RECEIVED, Exchange, PlainSocket, running
from tests.conftest import wait_until
from tests.outbound.test_addresses import FORBIDDEN
from tests.receiver import Receiver, Reply

# Each answer has this long; what is measured may be a little more on a busy machine.
LIMIT = 0.4
SLACK = 1.0


@pytest.fixture
def dialled(monkeypatch) -> list:
    """What a socket was to connect to; nothing is connected."""
    calls = []

    def connect(self, address):
        calls.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(PlainSocket, "connect", connect)
    return calls


@pytest.fixture
def strict(make_client, dialled):
    return make_client(allowed_networks=())


class TestForbiddenAddresses:
    @pytest.mark.parametrize(("address", "leads_to"), FORBIDDEN)
    def test_a_name_that_leads_to_one_is_not_dialled(self, strict, names, dialled, address, leads_to):
        names["evil.test"] = [address]
        answer = strict.post("http://evil.test/", b"{}", {})
        assert answer.reason == Reason.BLOCKED
        assert answer.detail == f"evil.test leads to {leads_to}"
        assert dialled == []

    @pytest.mark.parametrize(("address", "leads_to"), FORBIDDEN)
    def test_one_in_the_url_itself_is_not_dialled(self, strict, dialled, address, leads_to):
        answer = strict.post(f"http://[{address}]:8080/" if ":" in address else f"http://{address}:8080/", b"{}", {})
        assert answer.reason == Reason.BLOCKED
        assert dialled == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://0x7f.0x0.0x0.0x1/",
            "http://127.1/",
            "http://127.0.1/",
            "http://0/",
            "http://①②⑦.⓪.⓪.①/",
            "http://１２７。０。０。１/",
            "http://127.0.0.1./",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::ffff:169.254.169.254]/latest/meta-data/",
            "http://[::127.0.0.1]/",
            "http://[fe80::1%25lo]/",
            "http://example.com@127.0.0.1/",
            "http://127.0.0.1#@example.com/",
            "http://127.0.0.1\\@example.com/",
            "http://127.0.0.1%00.example.com/",
            "http://user:secret@10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/",
            "http://metadata.google.internal/",
            "http://intranet/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:6379/_FLUSHALL",
            "unix:///var/run/docker.sock",
            "http:///etc/passwd",
            "http://",
            "",
        ],
    )
    def test_no_way_of_writing_one_is_dialled(self, strict, names, dialled, url):
        names["localhost"] = ["::1", "127.0.0.1"]
        names["metadata.google.internal"] = ["169.254.169.254"]
        names["intranet"] = ["192.168.0.10"]
        answer = strict.post(url, b"{}", {"Authorization": "Bearer secret"})
        assert answer.reason == Reason.BLOCKED
        assert "secret" not in answer.detail
        assert dialled == []

    @pytest.mark.parametrize("addresses", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700::1", "::1"]])
    def test_one_among_public_ones_stops_them_all(self, strict, names, dialled, addresses):
        names["mixed.test"] = addresses
        assert strict.post("https://mixed.test/", b"{}", {}).reason == Reason.BLOCKED
        assert dialled == []

    def test_a_public_one_is_dialled_and_only_what_was_checked(self, strict, names, dialled):
        answers = iter([["8.8.8.8", "2606:4700::1"], ["127.0.0.1"]])
        names["rebinding.test"] = lambda: next(answers)
        answer = strict.post("https://rebinding.test:8443/", b"{}", {})
        assert answer.reason == Reason.REFUSED
        assert dialled == [("8.8.8.8", 8443), ("2606:4700::1", 8443, 0, 0)]

    def test_a_listening_server_notices_nothing(self, make_client, receiver):
        client = make_client(allowed_networks=())
        for url in (receiver.url, f"http://localhost:{receiver.port}/", f"http://2130706433:{receiver.port}/"):
            assert client.post(url, b"{}", {}).reason == Reason.BLOCKED
        assert receiver.accepted == 0

    def test_plain_http_is_not_sent_where_it_is_not_allowed(self, make_client, receiver):
        assert make_client(allow_http=False).post(receiver.url, b"{}", {}).reason == Reason.BLOCKED
        assert receiver.accepted == 0


class TestOwnInbox:
    def test_it_is_reached_on_this_machine_and_nothing_else_is(self, make_client, receiver):
        client = make_client(allowed_networks=(), own_origin=receiver.url.rstrip("/"))
        assert client.post(f"{receiver.url}inbox/abc", b"{}", {}).ok
        # Also not over the connection that is alive now.
        for path in ("", "settings/users", "inbox/../settings", "inbox/%2e%2e/settings", "inboxes"):
            assert client.post(f"{receiver.url}{path}", b"{}", {}).reason == Reason.BLOCKED
        assert [request.path for request in receiver.requests] == ["/inbox/abc"]

    def test_it_is_reached_over_plain_http_where_nothing_else_is(self, make_client, receiver):
        client = make_client(allow_http=False, own_origin=receiver.url.rstrip("/"))
        assert client.post(f"{receiver.url}inbox/abc", b"{}", {}).ok
        assert client.post(f"{receiver.url}other", b"{}", {}).reason == Reason.BLOCKED

    def test_its_name_may_lead_into_the_network_it_stands_in_but_not_to_metadata(self, make_client, names, dialled):
        client = make_client(allowed_networks=(), own_origin="https://hooks.firm.test")
        names["hooks.firm.test"] = ["10.1.2.3"]
        assert client.post("https://hooks.firm.test/inbox/abc", b"{}", {}).reason == Reason.REFUSED
        assert dialled == [("10.1.2.3", 443)]
        names["hooks.firm.test"] = ["169.254.169.254"]
        assert client.post("https://hooks.firm.test/inbox/abc", b"{}", {}).reason == Reason.BLOCKED
        assert len(dialled) == 1


class TestNames:
    def test_a_name_that_does_not_exist(self, strict, names):
        answer = strict.post("https://nowhere.test/", b"{}", {})
        assert (answer.reason, answer.detail) == (Reason.DNS, "name or service not known")

    def test_a_name_without_addresses(self, strict, names):
        names["empty.test"] = []
        assert strict.post("https://empty.test/", b"{}", {}).reason == Reason.DNS

    def test_a_resolver_that_fails_in_its_own_way(self, strict, names):
        names["odd.test"] = lambda: [].pop()
        assert strict.post("https://odd.test/", b"{}", {}).reason == Reason.DNS

    def test_a_hanging_resolver_costs_no_more_than_the_limit_and_one_thread(self, make_client, names):
        client, answered = make_client(timeout_s=LIMIT), threading.Event()
        names["slow.test"] = lambda: answered.wait(20) and []
        answers, took = together(6, lambda: client.post("http://slow.test/", b"{}", {}))
        assert {answer.reason for answer in answers} == {Reason.DNS}
        assert took < LIMIT + SLACK
        assert len(lookups()) == 1
        answered.set()
        wait_until(lambda: not lookups(), "the end of the lookup")

    def test_other_names_are_found_while_one_hangs(self, make_client, names, receiver):
        client, answered = make_client(timeout_s=LIMIT), threading.Event()
        names["slow.test"] = lambda: answered.wait(20) and []
        names["quick.test"] = ["127.0.0.1"]
        client.post("http://slow.test/", b"{}", {})
        assert client.post(f"http://quick.test:{receiver.port}/", b"{}", {}).ok
        assert receiver.requests[0].headers["host"] == f"quick.test:{receiver.port}"
        answered.set()

    def test_the_second_address_is_tried_when_the_first_is_dead(self, make_client, names, receiver):
        names["two.test"] = ["127.0.0.2", "127.0.0.1"]
        assert make_client().post(f"http://two.test:{receiver.port}/", b"{}", {}).ok

    def test_a_first_address_that_swallows_everything_leaves_time_for_the_second(self, make_client, names, receiver):
        with swallowing(receiver.port) as (address, _):
            names["two.test"] = [address, "127.0.0.1"]
            assert make_client(timeout_s=1.0).post(f"http://two.test:{receiver.port}/", b"{}", {}).ok


class TestDeadline:
    @pytest.mark.parametrize(
        "reply",
        [Reply.hang(), Reply.drip_headers(), Reply.drip_interim()],
        ids=["hang", "drip of the head", "drip of interim answers"],
    )
    def test_it_ends_whatever_the_other_side_does(self, make_client, receiver, reply):
        receiver.answer = reply
        client = make_client(timeout_s=LIMIT)
        answer, took = timed(lambda: client.post(receiver.url, b"{}", {}))
        assert answer.reason == Reason.TIMEOUT
        assert LIMIT * 0.9 <= took < LIMIT + SLACK
        assert answer.duration_ms == pytest.approx(took * 1000, abs=100)
        assert len(receiver.requests) == 1

    def test_a_late_sign_of_life_does_not_put_it_off(self, make_client, receiver):
        receiver.answer = Reply(delay=0.8, act=lambda connection: (connection.send(b"H"), connection.wait()))
        answer, took = timed(lambda: make_client(timeout_s=1.0).post(receiver.url, b"{}", {}))
        assert answer.reason == Reason.TIMEOUT
        assert took < 1.6

    def test_it_ends_when_the_connection_is_taken_and_never_served(self, make_client, receiver):
        receiver.on_accept = Reply.hang()
        answer, took = timed(lambda: make_client(timeout_s=LIMIT).post(receiver.url, b"{}", {}))
        assert answer.reason == Reason.TIMEOUT
        assert took < LIMIT + SLACK

    def test_it_ends_when_the_other_side_does_not_read(self, make_client, receiver):
        receiver.on_accept = Reply.hang()
        answer, took = timed(lambda: make_client(timeout_s=LIMIT).post(receiver.url, bytes(50_000_000), {}))
        assert (answer.reason, answer.detail) == (Reason.TIMEOUT, f"sending took longer than {LIMIT:g} s")
        assert took < LIMIT + SLACK

    def test_it_ends_when_no_connection_comes_about(self, make_client):
        with swallowing() as (address, port):
            answer, took = timed(lambda: make_client(timeout_s=LIMIT).post(f"http://{address}:{port}/", b"{}", {}))
        assert answer.reason == Reason.CONNECT_TIMEOUT
        assert took < LIMIT + SLACK

    @pytest.mark.parametrize("head", [b"", b"\x16\x03\x03\x40\x00"], ids=["silence", "a drip of one long record"])
    def test_it_ends_in_the_tls_handshake(self, make_client, receiver, head):
        receiver.on_accept = Reply(act=lambda connection: connection.drip(head, 0.05)) if head else Reply.hang()
        url = receiver.url.replace("http:", "https:")
        answer, took = timed(lambda: make_client(timeout_s=LIMIT).post(url, b"{}", {}))
        assert (answer.reason, answer.detail) == (Reason.TIMEOUT, f"the TLS handshake took longer than {LIMIT:g} s")
        assert took < LIMIT + SLACK

    def test_a_status_that_came_counts_though_its_body_drips(self, make_client, receiver):
        receiver.answer = Reply.drip_body(every=0.02)
        answer, took = timed(lambda: make_client(timeout_s=LIMIT).post(receiver.url, b"{}", {}))
        assert answer.ok
        assert answer.truncated
        assert set(answer.body) == {"x"}
        assert took < LIMIT + SLACK

    def test_a_request_may_have_a_limit_of_its_own(self, make_client, receiver):
        receiver.answer = Reply.hang()
        answer, took = timed(lambda: make_client(timeout_s=30).post(receiver.url, b"{}", {}, timeout_s=0.2))
        assert answer.reason == Reason.TIMEOUT
        assert took < 0.2 + SLACK

    def test_an_endless_head_is_cut_before_the_limit(self, make_client, receiver):
        flood = b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 1000 + b"\r\n\r\n"
        receiver.answer = Reply(act=lambda connection: [connection.send(flood) for _ in range(10_000)])
        answer, took = timed(lambda: make_client(timeout_s=5).post(receiver.url, b"{}", {}))
        assert (answer.reason, answer.detail) == (
            Reason.PROTOCOL,
            f"the answer's head is longer than {MOST_RECEIVED // 1024} KiB",
        )
        assert took < 3

    def test_failures_leave_neither_sockets_nor_threads(self, make_client, receiver):
        client = make_client(timeout_s=0.05)
        replies = [Reply.hang(), Reply.drip_headers(), Reply.drip_body(), Reply.reset(), Reply.close(), Reply.huge()]
        client.post(receiver.url, b"{}", {})
        before = open_files(), threading.active_count() - receiver.open_connections
        for _ in range(5):
            for reply in replies:
                receiver.answer = reply
                client.post(receiver.url, b"{}", {})
        receiver.stopping.set()
        wait_until(lambda: receiver.open_connections <= 1, "the end of all connections")
        assert open_files() <= before[0]
        assert threading.active_count() - receiver.open_connections <= before[1]


def test_a_machine_without_a_route_is_unreachable(make_client, monkeypatch):
    def connect(self, address):
        raise OSError(113, "No route to host")

    monkeypatch.setattr(PlainSocket, "connect", connect)
    answer = make_client().post("https://8.8.8.8/", b"{}", {})
    assert (answer.reason, answer.detail) == (Reason.UNREACHABLE, "no route to host")


def test_a_fresh_exchange_takes_no_connection_that_was_kept(make_client, receiver):
    client = make_client()
    client.post(receiver.url, b"1", {})
    template = client._template(receiver.url)
    exchange = running.exchange = Exchange(5.0, template.allowed)
    exchange.fresh = True
    template.adapter.send(_Request(template, {"Content-Length": "1"}, b"2"))
    assert exchange.connected
    assert [request.connection for request in receiver.requests] == [1, 2]


def test_a_connection_that_is_reset_while_it_comes_about(make_client, monkeypatch):
    def connect(self, address):
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(PlainSocket, "connect", connect)
    answer = make_client().post("https://8.8.8.8/", b"{}", {})
    assert (answer.reason, answer.detail) == (Reason.RESET, "connection reset by peer")


def test_ipv6_is_spoken(make_client):
    try:
        receiver = Receiver(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert make_client().post(f"{receiver.url}hook", b"{}", {}).ok
    assert receiver.requests[0].headers["host"] == f"[::1]:{receiver.port}"
    receiver.close()


@contextmanager
def swallowing(port: int = 0):
    """An address and port of this machine at which a connection never comes about: the kernel drops what asks for one,
    because the queue of those that wait to be accepted is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.3", port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()


def together(count, call):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers, time.perf_counter() - started


def timed(call):
    started = time.perf_counter()
    return call(), time.perf_counter() - started


def lookups():
    return [thread for thread in threading.enumerate() if thread.name == "name-lookup"]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
