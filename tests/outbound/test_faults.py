"""What each kind of fault is called; above all those of TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from kayse_dash.outbound import Reason
from tests.certificates import Certificate, authority
from tests.receiver import Receiver, Reply


@pytest.fixture
def trusting(make_client, monkeypatch, tmp_path: Path):
    """A client that trusts the tests' authority beside the public ones."""
    path = tmp_path / "authority.pem"
    path.write_bytes(authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return make_client


@pytest.fixture
def secure():
    """`secure(names=…)`: a receiver that speaks TLS with such a certificate."""
    made = []

    def make(**certificate) -> Receiver:
        made.append(Receiver(tls=Certificate(**{"issuer": authority(), **certificate})))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


class TestTLS:
    def test_a_trusted_certificate_is_accepted_and_the_connection_kept(self, trusting, names, secure):
        receiver = secure(names=("crm.test",))
        names["crm.test"] = ["127.0.0.1"]
        asked = []
        receiver.tls.sni_callback = lambda sock, name, context: asked.append(name)
        client = trusting()
        url = f"https://CRM.test.:{receiver.port}/hook"
        first, second = client.post(url, b"1", {}), client.post(url, b"2", {})
        assert first.ok
        assert second.ok
        assert list(first.timings) == ["dns", "connect", "tls", "first_byte", "total"]
        assert list(second.timings) == ["first_byte", "total"]
        assert asked == ["crm.test"]
        assert receiver.requests[0].headers["host"] == f"crm.test:{receiver.port}"

    @pytest.mark.parametrize(
        ("certificate", "detail"),
        [
            ({"days": -1}, "the certificate has expired"),
            ({"names": ("other.test",)}, "the certificate is for another name"),
            ({"issuer": None}, "the certificate is self-signed"),
            ({"issuer": authority("Nobody knows me")}, "the certificate's issuer is not known here"),
        ],
        ids=["expired", "another name", "self-signed", "unknown authority"],
    )
    def test_a_bad_certificate_is_refused_before_anything_is_sent(self, trusting, names, secure, certificate, detail):
        receiver = secure(**{"names": ("crm.test",), **certificate})
        names["crm.test"] = ["127.0.0.1"]
        answer = trusting().post(f"https://crm.test:{receiver.port}/", b"{}", {"Authorization": "Bearer secret"})
        assert (answer.reason, answer.detail) == (Reason.TLS, detail)
        assert receiver.requests == []

    def test_a_certificate_for_another_address_is_refused(self, trusting, secure):
        receiver = secure(names=("127.0.0.9",))
        answer = trusting().post(receiver.url, b"{}", {})
        assert (answer.reason, answer.detail) == (Reason.TLS, "the certificate is for another address")

    def test_a_server_that_speaks_plain_http(self, make_client, receiver):
        receiver.on_accept = Reply.raw(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        answer = make_client().post(receiver.url.replace("http:", "https:"), b"{}", {})
        assert (answer.reason, answer.detail) == (Reason.TLS, "the server does not speak TLS at this port")

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
    def test_a_server_that_speaks_an_old_version_only(self, trusting, secure):
        receiver = secure()
        receiver.tls.minimum_version = ssl.TLSVersion.TLSv1
        receiver.tls.maximum_version = ssl.TLSVersion.TLSv1_1
        receiver.tls.set_ciphers("ALL:@SECLEVEL=0")
        assert trusting().post(receiver.url, b"{}", {}).reason == Reason.TLS

    @pytest.mark.parametrize("reply", [Reply.reset(), Reply.close()], ids=["reset", "closed"])
    def test_a_connection_that_breaks_in_the_handshake(self, make_client, receiver, reply):
        receiver.on_accept = reply
        answer = make_client().post(receiver.url.replace("http:", "https:"), b"{}", {})
        assert answer.reason == Reason.RESET
        assert receiver.accepted == 1

    def test_a_drip_of_the_head_ends_in_time(self, trusting, secure):
        receiver = secure()
        receiver.answer = Reply.drip_headers()
        answer = trusting(timeout_s=0.4).post(receiver.url, b"{}", {})
        assert answer.reason == Reason.TIMEOUT
        assert answer.duration_ms < 1000

    def test_a_large_request_that_is_not_read_ends_in_time(self, trusting, secure):
        receiver = secure()

        def greet_only(connection):
            connection.sock = receiver.tls.wrap_socket(connection.sock, server_side=True)
            connection.wait()

        receiver.on_accept = Reply(act=greet_only)
        answer = trusting(timeout_s=0.4).post(receiver.url, bytes(50_000_000), {})
        assert (answer.reason, answer.detail) == (Reason.TIMEOUT, "sending took longer than 0.4 s")

    @pytest.mark.parametrize("last_word", [Reply.close(), Reply.reset()], ids=["closed", "reset"])
    def test_a_kept_connection_that_closes_is_replaced(self, trusting, secure, last_word):
        receiver = secure()
        receiver.answer = [Reply(), last_word, Reply()]
        client = trusting()
        assert client.post(receiver.url, b"1", {}).ok
        assert client.post(receiver.url, b"2", {}).ok
        assert [(request.body, request.connection) for request in receiver.requests] == [(b"1", 1), (b"2", 1), (b"2", 2)]


class TestPlain:
    @pytest.mark.parametrize("reply", [Reply.reset(), Reply.close()], ids=["reset", "closed"])
    @pytest.mark.parametrize("when", ["on_accept", "answer"])
    def test_a_connection_that_breaks(self, make_client, receiver, when, reply):
        setattr(receiver, when, reply)
        answer = make_client().post(receiver.url, b"{}", {})
        assert (answer.reason, answer.status) == (Reason.RESET, None)
        assert answer.detail in ("the connection was closed before an answer came", "connection reset by peer")
        assert receiver.accepted == 1

    def test_a_port_nobody_listens_at(self, make_client, receiver):
        receiver.close()
        answer = make_client().post(receiver.url, b"{}", {})
        assert (answer.reason, answer.detail) == (Reason.REFUSED, "connection refused")

    @pytest.mark.parametrize(
        "said",
        [
            b"220 mail.example.com ESMTP\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00\x01\x02\x03\xff\r\n\r\n",
            b"<html>no head</html>",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 99 Low\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"x" * 100_000,
        ],
        ids=lambda said: repr(said[:24]),
    )
    def test_what_is_no_http_answer(self, make_client, receiver, said):
        receiver.answer = Reply.raw(said)
        answer = make_client().post(receiver.url, b"{}", {"X-Key": "secret"})
        assert (answer.reason, answer.status, answer.headers) == (Reason.PROTOCOL, None, None)
        assert answer.detail
        assert "secret" not in answer.detail
        assert len(answer.detail) <= 300
        assert len(receiver.requests) == 1
