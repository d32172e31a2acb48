from __future__ import annotations

import gzip
import itertools
import os
import threading
import zlib
from datetime import timedelta

import pytest

from kayse_dash.outbound import Reason
from kayse_dash.outbound.client import CONNECTIONS_PER_HOST, MOST_HOSTS, MOST_TEMPLATES
from tests.receiver import Receiver, Reply
from tests.waiting import wait_until

HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}
KEPT = 64 * 1024


class TestRequest:
    def test_it_arrives_as_it_was_given(self, make_client, receiver):
        body = '{"name":"Zoë"}'.encode()
        answer = make_client().post(f"{receiver.url}hook/x%20y?a=1&b=%C3%A4", body, {**HEADERS, "User-Agent": "Kayse-Dash/1"})
        request = receiver.requests[0]
        assert answer.ok
        assert (request.method, request.path, request.body) == ("POST", "/hook/x%20y?a=1&b=%C3%A4", body)
        assert dict(request.raw_headers) == {
            "Host": f"127.0.0.1:{receiver.port}",
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            "webhook-id": "evt_1",
            "User-Agent": "Kayse-Dash/1",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
        }
        assert len(request.raw_headers) == 8

    def test_a_given_user_agent_replaces_ours_whatever_its_case(self, make_client, receiver):
        client = make_client()
        client.post(receiver.url, b"", {"user-agent": "Other"})
        client.post(receiver.url, b"", {})
        assert [request.headers["user-agent"] for request in receiver.requests] == ["Other", "Kayse-Dash"]

    def test_an_empty_and_a_large_body_arrive(self, make_client, receiver):
        client = make_client()
        large = os.urandom(1024 * 1024)
        for body in (b"", large):
            assert client.post(receiver.url, body, HEADERS).ok
        assert [request.body for request in receiver.requests] == [b"", large]

    @pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "Expect", "Upgrade"])
    def test_a_header_that_frames_the_message_is_not_the_callers_to_set(self, make_client, receiver, name):
        answer = make_client().post(receiver.url, b"{}", {name: "secret"})
        assert answer.reason == Reason.PROTOCOL
        assert "secret" not in answer.detail
        assert receiver.accepted == 0

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-Key", "secret\r\nX-Injected: 1"),
            ("X-Key", "secret\n folded"),
            ("X-Key", "secret\0"),
            ("X-Key", "secret€"),
            ("X-Key", "secret\ud800"),
            ("X-Key: 1\r\nX-Injected", "secret"),
            ("X Key", "secret\r"),
            ("", "secret"),
        ],
    )
    def test_a_header_that_cannot_be_sent_is_an_answer_and_gives_nothing_away(self, make_client, receiver, name, value):
        client = make_client()
        answer = client.post(receiver.url, b"{}", {name: value})
        assert answer.reason == Reason.PROTOCOL
        assert "secret" not in answer.detail
        assert receiver.requests == []
        assert client.post(receiver.url, b"{}", {"X-Key": "tab\tand é are fine"}).ok

    def test_the_environment_has_no_say(self, make_client, receiver, monkeypatch, tmp_path):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret")
        (tmp_path / ".netrc").chmod(0o600)
        for name, value in {
            "HOME": str(tmp_path),
            "NETRC": str(tmp_path / ".netrc"),
            "HTTP_PROXY": "http://127.0.0.1:1",
            "http_proxy": "http://127.0.0.1:1",
            "ALL_PROXY": "socks5://127.0.0.1:1",
            "REQUESTS_CA_BUNDLE": "/nonexistent",
            "CURL_CA_BUNDLE": "/nonexistent",
        }.items():
            monkeypatch.setenv(name, value)
        assert make_client().post(receiver.url, b"{}", HEADERS).ok
        assert "authorization" not in receiver.requests[0].headers

    def test_cookies_are_not_kept(self, make_client, receiver):
        receiver.answer = Reply(headers={"Set-Cookie": "session=1"})
        client = make_client()
        client.post(receiver.url, b"{}", HEADERS)
        client.post(receiver.url, b"{}", HEADERS)
        assert "cookie" not in receiver.requests[1].headers


class TestAnswer:
    def test_it_is_what_the_other_side_said(self, make_client, receiver):
        receiver.answer = Reply(201, {"X-Trace": "abc", "Content-Type": "application/json"}, b'{"ok":true}')
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.status, answer.ok, answer.body, answer.truncated) == (201, True, '{"ok":true}', False)
        assert ("X-Trace", "abc") in answer.headers
        assert (answer.reason, answer.detail, answer.retry_after) == (None, None, None)

    @pytest.mark.parametrize("status", [200, 202, 204, 299, 300, 304, 400, 404, 410, 429, 500, 503, 599, 700, 999])
    def test_its_status_is_taken_as_it_is(self, make_client, receiver, status):
        receiver.answer = Reply(status)
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.status, answer.ok, answer.reason) == (status, 200 <= status < 300, None)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, make_client, receiver, status):
        receiver.answer = Reply.redirect(f"{receiver.url}elsewhere", status)
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.status, answer.ok) == (status, False)
        assert ("Location", f"{receiver.url}elsewhere") in answer.headers
        assert len(receiver.requests) == 1

    def test_retry_after_is_read(self, make_client, receiver):
        receiver.answer = Reply.busy("90")
        assert make_client().post(receiver.url, b"{}", HEADERS).retry_after == timedelta(seconds=90)

    def test_many_and_long_headers_are_cut(self, make_client, receiver):
        receiver.answer = Reply(headers={"X-Long": "v" * 5000, **{f"X-{number}": "v" for number in range(70)}})
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert len(answer.headers) == 50
        assert answer.headers[0] == ("X-Long", "v" * 1000)

    def test_a_repeated_header_is_kept_each_time(self, make_client, receiver):
        receiver.answer = Reply.raw(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert answer.headers[:2] == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]

    def test_interim_answers_are_skipped(self, make_client, receiver):
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        receiver.answer = Reply.raw(interim + b"HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\nok", close=False)
        client = make_client()
        for _ in range(2):
            answer = client.post(receiver.url, b"{}", HEADERS)
            assert (answer.status, answer.body, answer.headers) == (202, "ok", [("Content-Length", "2")])
        assert receiver.accepted == 1

    def test_timings_tell_the_phases(self, make_client, names, receiver):
        names["quick.test"] = ["127.0.0.1"]
        receiver.answer = Reply(delay=0.05)
        client = make_client()
        first, second = (client.post(f"http://quick.test:{receiver.port}/", b"{}", HEADERS) for _ in range(2))
        assert list(first.timings) == ["dns", "connect", "first_byte", "total"]
        assert list(second.timings) == ["first_byte", "total"]
        assert 50 <= second.timings["first_byte"] <= second.timings["total"] == second.duration_ms < 1000

    def test_a_failure_has_timings_too(self, make_client, receiver):
        receiver.answer = Reply.reset()
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert list(answer.timings) == ["dns", "connect", "total"]
        assert answer.headers is None


class TestBody:
    @pytest.mark.parametrize("size", [0, 1, KEPT - 1, KEPT])
    def test_what_fits_is_kept_whole_and_the_connection_too(self, make_client, receiver, size):
        receiver.answer = Reply(body=b"x" * size)
        client = make_client()
        for _ in range(2):
            answer = client.post(receiver.url, b"{}", HEADERS)
            assert (len(answer.body), answer.truncated) == (size, False)
        assert receiver.accepted == 1

    @pytest.mark.parametrize("size", [KEPT + 2, 10 * 1024 * 1024])
    def test_more_is_cut_and_not_drained(self, make_client, receiver, size):
        receiver.answer = Reply.huge(size)
        client = make_client()
        for _ in range(2):
            answer = client.post(receiver.url, b"{}", HEADERS)
            assert (answer.ok, answer.body, answer.truncated) == (True, "x" * KEPT, True)
        assert receiver.accepted == 2

    def test_an_endless_body_is_cut_at_once(self, make_client, receiver):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
        receiver.answer = Reply(
            act=lambda connection: [connection.send(data) for data in itertools.chain([head], itertools.repeat(chunk))]
        )
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.ok, answer.body, answer.truncated) == (True, "x" * KEPT, True)
        assert answer.duration_ms < 2000

    @pytest.mark.parametrize(
        ("name", "pack"),
        [("gzip", gzip.compress), ("deflate", zlib.compress), ("gzip, gzip", lambda b: gzip.compress(gzip.compress(b)))],
    )
    def test_it_is_unpacked(self, make_client, receiver, name, pack):
        receiver.answer = Reply(headers={"Content-Encoding": name}, body=pack(b"hello " * 1000))
        client = make_client()
        for _ in range(2):
            answer = client.post(receiver.url, b"{}", HEADERS)
            assert (answer.body, answer.truncated, answer.detail) == ("hello " * 1000, False, None)
        assert receiver.accepted == 1

    @pytest.mark.parametrize("layers", [1, 2])
    def test_a_bomb_does_not_go_off(self, make_client, receiver, layers):
        receiver.answer = Reply.bomb(200 * 1024 * 1024, layers)
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert answer.ok
        assert answer.truncated
        assert answer.body == "\ufffd" * KEPT
        assert answer.duration_ms < 1000

    @pytest.mark.parametrize("coding", ["br", "zstd", "nonsense"])
    def test_one_packed_in_an_unknown_way_is_left_out(self, make_client, receiver, coding):
        receiver.answer = Reply(headers={"Content-Encoding": coding}, body=b"\x01\x02\x03" * 100)
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.ok, answer.body, answer.truncated) == (True, "", True)
        assert coding in answer.detail

    def test_a_broken_one_does_not_undo_success(self, make_client, receiver):
        receiver.answer = Reply(headers={"Content-Encoding": "gzip"}, body=b"this is not gzip")
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.ok, answer.body, answer.truncated, answer.reason) == (True, "", True, None)
        assert answer.detail == "the body's gzip compression is broken"

    @pytest.mark.parametrize(
        ("rest", "body"),
        [
            (b"Content-Length: 10\r\n\r\nabc", "abc"),
            (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde", "abcde"),
            (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "abc"),
            (b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", ""),
            (b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000, ""),
        ],
    )
    def test_one_that_breaks_off_does_not_undo_success(self, make_client, receiver, rest, body):
        receiver.answer = Reply.raw(b"HTTP/1.1 200 OK\r\n" + rest)
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.status, answer.ok, answer.body, answer.truncated) == (200, True, body, True)

    def test_one_that_ends_with_the_connection_is_whole(self, make_client, receiver):
        receiver.answer = Reply.raw(b"HTTP/1.0 200 OK\r\n\r\nold style")
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert (answer.body, answer.truncated) == ("old style", False)

    def test_its_text_can_be_stored(self, make_client, receiver):
        receiver.answer = Reply(headers={"Content-Type": "text/plain; charset=utf-16"}, body=b"no byte order mark\0\xff")
        answer = make_client().post(receiver.url, b"{}", HEADERS)
        assert answer.ok
        assert answer.body == "no byte order mark\ufffd\ufffd"


class TestKeptAlive:
    @pytest.mark.parametrize(
        "reply",
        [
            Reply(),
            Reply(204),
            Reply(304),
            Reply(500, body=b"sorry"),
            Reply.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", close=False),
        ],
        ids=["empty", "204", "304", "500", "chunked"],
    )
    def test_one_connection_serves_all_requests(self, make_client, receiver, reply):
        receiver.answer = reply
        client = make_client()
        for _ in range(5):
            assert client.post(receiver.url, b"{}", HEADERS).status is not None
        assert [request.connection for request in receiver.requests] == [1] * 5

    def test_it_is_shared_by_all_paths_of_a_host(self, make_client, receiver):
        client = make_client()
        for path in ("a", "b", "c?d"):
            client.post(f"{receiver.url}{path}", b"{}", HEADERS)
        assert receiver.accepted == 1

    def test_one_that_was_closed_while_idle_costs_no_delivery(self, make_client, receiver):
        client = make_client()
        client.post(receiver.url, b"1", HEADERS)
        receiver.close_idle()
        assert client.post(receiver.url, b"2", HEADERS).ok
        assert [request.body for request in receiver.requests] == [b"1", b"2"]

    @pytest.mark.parametrize("last_word", [Reply.close(), Reply.reset()], ids=["closed", "reset"])
    def test_one_that_closes_on_the_next_request_is_replaced_and_the_request_sent_again(self, make_client, receiver, last_word):
        receiver.answer = [Reply(), last_word, Reply(202)]
        client = make_client()
        client.post(receiver.url, b"1", HEADERS)
        answer = client.post(receiver.url, b"2", HEADERS)
        assert answer.status == 202
        assert "connect" in answer.timings
        assert [(request.body, request.connection) for request in receiver.requests] == [(b"1", 1), (b"2", 1), (b"2", 2)]

    @pytest.mark.parametrize("last_word", [Reply.close(), Reply.reset()], ids=["closed", "reset"])
    def test_nothing_is_sent_twice_over_new_connections(self, make_client, receiver, last_word):
        receiver.answer = [Reply(), last_word]
        client = make_client()
        client.post(receiver.url, b"1", HEADERS)
        assert client.post(receiver.url, b"2", HEADERS).reason == Reason.RESET
        assert len(receiver.requests) == 3
        assert client.post(receiver.url, b"3", HEADERS).reason == Reason.RESET
        assert len(receiver.requests) == 4

    @pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n"])
    @pytest.mark.parametrize("end", ["finish", "reset"])
    def test_nothing_is_sent_twice_once_an_answer_has_begun(self, make_client, receiver, begun, end):
        breaks_off = Reply(act=lambda connection: (connection.send(begun), connection.wait(0.1), getattr(connection, end)()))
        receiver.answer = [Reply(), breaks_off]
        client = make_client()
        client.post(receiver.url, b"1", HEADERS)
        client.post(receiver.url, b"2", HEADERS)
        assert len(receiver.requests) == 2

    def test_nothing_is_sent_twice_after_the_time_limit(self, make_client, receiver):
        receiver.answer = [Reply(), Reply.hang()]
        client = make_client(timeout_s=0.3)
        client.post(receiver.url, b"1", HEADERS)
        assert client.post(receiver.url, b"2", HEADERS).reason == Reason.TIMEOUT
        assert len(receiver.requests) == 2

    def test_a_host_keeps_a_limited_number(self, make_client, receiver):
        client = make_client()
        count = CONNECTIONS_PER_HOST + 4
        gate = threading.Barrier(count)
        receiver.answer = lambda request: (gate.wait(10) and Reply()) or Reply()
        run_together(count, lambda: client.post(receiver.url, b"{}", HEADERS))
        assert receiver.accepted == count
        receiver.answer = Reply()
        client.post(receiver.url, b"{}", HEADERS)
        wait_until(lambda: receiver.open_connections <= CONNECTIONS_PER_HOST, "closing what is too many")

    def test_the_number_of_hosts_is_limited(self, make_client, names, receiver):
        client = make_client()
        for number in range(MOST_HOSTS + 10):
            names[f"host{number}.test"] = ["127.0.0.1"]
            assert client.post(f"http://host{number}.test:{receiver.port}/", b"{}", HEADERS).ok
        assert receiver.open_connections <= MOST_HOSTS + 1

    def test_what_is_remembered_of_urls_is_limited(self, make_client, receiver):
        client = make_client(allowed_networks=())
        for number in range(MOST_TEMPLATES + 10):
            client.post(f"{receiver.url}{number}", b"{}", HEADERS)
        assert len(client._templates) <= MOST_TEMPLATES

    def test_close_closes_what_is_idle_and_the_client_goes_on(self, make_client, receiver):
        client = make_client()
        client.post(receiver.url, b"{}", HEADERS)
        client.close()
        client.close()
        assert client.post(receiver.url, b"{}", HEADERS).ok
        assert receiver.accepted == 2

    def test_a_forked_process_opens_its_own(self, make_client, receiver):
        client = make_client()
        client.post(receiver.url, b"parent", HEADERS)
        child = os.fork()
        if child == 0:
            os._exit(0 if client.post(receiver.url, b"child", HEADERS).ok else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert client.post(receiver.url, b"parent", HEADERS).ok
        assert [(request.body, request.connection) for request in receiver.requests] == [
            (b"parent", 1),
            (b"child", 2),
            (b"parent", 1),
        ]


def test_threads_do_not_get_each_others_answers_nor_deadlines(make_client, receiver):
    client = make_client(timeout_s=0.3)

    def answer(request):
        number = int(request.body)
        if number % 10 == 7:
            return Reply.hang()
        return Reply(body=request.body, close_after=number % 10 == 3)

    receiver.answer = answer
    numbers, wrong = itertools.count(), []

    def some():
        for _ in range(20):
            number = next(numbers)
            got = client.post(receiver.url, b"%d" % number, HEADERS)
            as_expected = got.reason == Reason.TIMEOUT if number % 10 == 7 else got.body == str(number)
            if not as_expected:
                wrong.append((number, got))

    run_together(8, some)
    assert wrong == []
    assert sorted(int(request.body) for request in receiver.requests) == list(range(160))


def test_two_receivers_at_once(make_client, receiver):
    other = Receiver()
    client = make_client()
    assert client.post(receiver.url, b"1", HEADERS).ok
    assert client.post(other.url, b"2", HEADERS).ok
    assert (receiver.requests[0].body, other.requests[0].body) == (b"1", b"2")
    other.close()


def run_together(count, call):
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
