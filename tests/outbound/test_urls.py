from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from urllib3.util.url import _encode_target

from kayse_dash.outbound.urls import Policy, UnusableURL, read

POLICY = Policy(allow_http=True, allowed_networks=(), timeout_s=1.0, own_origin="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://example.com", "https://example.com/"),
        ("  HTTPS://Example.COM/Path?Q=A#fragment \n", "https://example.com/Path?Q=A"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:80", "http://example.com/"),
        ("https://example.com:", "https://example.com/"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://example.com/?", "https://example.com/?"),
        ("https://straße.de/", "https://xn--strae-oqa.de/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://example。com/", "https://example.com/"),
        ("https://my_host.example.com/", "https://my_host.example.com/"),
        ("https://example.com/a b".replace(" ", "%20"), "https://example.com/a%20b"),
        ("https://example.com/ä?ö=ü", "https://example.com/%C3%A4?%C3%B6=%C3%BC"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/{id}|<x>", "https://example.com/%7Bid%7D%7C%3Cx%3E"),
        ("https://example.com/a/../b/./c", "https://example.com/b/c"),
        ("https://example.com/a/%2E%2e/../../b/..", "https://example.com/"),
        ("https://example.com/a/b/.", "https://example.com/a/b/"),
        ("https://example.com//double", "https://example.com//double"),
        ("https://[2606:4700:0:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f000001/", "http://127.0.0.1/"),
        ("http://0177.0.0.01/", "http://127.0.0.1/"),
        ("http://0x7f.0.1/", "http://127.0.0.1/"),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://0/", "http://0.0.0.0/"),
        ("http://0x/", "http://0.0.0.0/"),
    ],
)
def test_an_address_is_written_in_one_way(typed, url):
    destination = read(typed, POLICY)
    assert destination.url == url
    assert read(url, POLICY) == destination
    assert _encode_target(destination.target) == destination.target


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter the address"),
        ("   ", "Enter the address"),
        ("example.com/hook", "must start with https://"),
        ("//example.com/", "must start with https://"),
        ("ftp://example.com/", "must start with https://"),
        ("file:///etc/passwd", "must start with https://"),
        ("gopher://example.com/", "must start with https://"),
        ("javascript:alert(1)", "must start with https://"),
        ("https:example.com", "must start with https://"),
        ("https://", "not a complete web address"),
        ("https:///path", "not a complete web address"),
        ("https://:8080/", "not a complete web address"),
        ("https://exa mple.com/", "spaces"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com\\@evil.com/", "spaces"),
        ("https://example.com/\x00", "spaces"),
        ("https://example.com/\r\nHost: evil", "spaces"),
        ("https://example.com/\ud800", "spaces"),
        ("https://user:secret@example.com/", "user name and password under Security"),
        ("https://secret@example.com/", "user name and password under Security"),
        ("https://@example.com/", "user name and password under Security"),
        ("https://example.com@127.0.0.1/", "user name and password under Security"),
        ("https://example..com/", "not a complete web address"),
        ("https://-example.com/", "not a complete web address"),
        ("https://.example.com/", "not a complete web address"),
        ("https://example.com../", "not a complete web address"),
        ("https://exam%70le.com/", "not a complete web address"),
        ("https://*.example.com/", "not a complete web address"),
        ("https://" + "a" * 64 + ".com/", "not a complete web address"),
        ("https://" + "a." * 130 + "com/", "not a complete web address"),
        ("https://a℀b.com/", "letters that no web address can have"),
        ("https://\u200d.com/", "letters that no web address can have"),
        ("https://1.2.3.4.5/", "not a complete web address"),
        ("https://1.2.3.256/", "not a complete web address"),
        ("https://256.1/", "not a complete web address"),
        ("https://4294967296/", "not a complete web address"),
        ("https://example.0x7f/", "not a complete web address"),
        ("https://1_0.1/", "not a complete web address"),
        ("https://08.1.1.1/", "not a complete web address"),
        ("https://[::1/", "not a complete web address"),
        ("https://[::1%25eth0]/", "not a complete web address"),
        ("https://[fe80::1%eth0]/", "not a complete web address"),
        ("https://[v1.fe80::a]/", "not a complete web address"),
        ("https://[1.2.3.4]/", "not a complete web address"),
        ("https://[::1]x/", "not a complete web address"),
        ("https://example.com:80a/", "not a complete web address"),
        ("https://example.com:٣/", "not a complete web address"),
        ("https://example.com:65536/", "65535 or less"),
        ("https://example.com:0/", "Port 0 is not used by web services"),
        ("https://example.com:25/", "Port 25 is not used by web services"),
        ("https://example.com:022/", "Port 22 is not used by web services"),
        ("https://example.com/" + "a" * 2048, "too long"),
        ("https://example.com/" + "ä" * 400, "too long"),
    ],
)
def test_what_is_no_web_address_is_refused_in_plain_words(typed, words):
    with pytest.raises(UnusableURL, match=words):
        read(typed, POLICY)


def test_plain_http_needs_to_be_allowed():
    with pytest.raises(UnusableURL, match="must start with https://"):
        read("http://example.com/", replace(POLICY, allow_http=False))


@pytest.mark.parametrize("port", [22, 23, 25, 110, 143, 465, 587, 993, 995])
def test_ports_of_mail_and_ssh_are_refused(port):
    with pytest.raises(UnusableURL, match=f"Port {port} "):
        read(f"https://example.com:{port}/", POLICY)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("http://example.com:443/", "example.com:443"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
    ],
)
def test_the_host_header_names_the_port_unless_it_is_the_default(url, authority):
    assert read(url, POLICY).authority == authority


class TestOwnInbox:
    strict = replace(POLICY, allow_http=False)

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:8000/inbox/abc_DEF-9", "http://127.1:8000/inbox/abc?x=1", "HTTP://127.0.0.1:8000/x/../inbox/abc"],
    )
    def test_it_may_be_called_over_plain_http(self, url):
        assert read(url, self.strict).is_own_inbox

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8000/inbox",
            "http://127.0.0.1:8000/inbox/",
            "http://127.0.0.1:8000/inboxes/abc",
            "http://127.0.0.1:8000/INBOX/abc",
            "http://127.0.0.1:8000/inbox/../settings/webhooks",
            "http://127.0.0.1:8000/inbox/%2e%2e/settings",
            "http://127.0.0.1:8000/inbox/%252e%252e/settings",
            "http://127.0.0.1:8000/inbox/abc%2f..%2fsettings",
            "http://127.0.0.1:8000/inbox/..;/settings",
            "http://127.0.0.1:8000/inbox/a.b",
            "http://127.0.0.1:8001/inbox/abc",
            "http://localhost:8000/inbox/abc",
            "https://127.0.0.1:8000/inbox/abc",
            "http://example.com/inbox/abc",
        ],
    )
    def test_nothing_else_is_an_own_inbox(self, url):
        assert not read(url, POLICY).is_own_inbox

    def test_an_installation_behind_a_name_has_its_inboxes_there(self):
        policy = replace(self.strict, own_origin="https://Hooks.Example-Firm.com")
        assert read("https://hooks.example-firm.com/inbox/abc", policy).is_own_inbox
        assert not read("https://hooks.example-firm.com:8443/inbox/abc", policy).is_own_inbox

    def test_an_origin_that_cannot_be_read_has_none(self):
        assert replace(POLICY, own_origin="nonsense").own is None


def test_the_policy_is_made_from_the_settings(settings):
    assert Policy.of(settings) == Policy(
        allow_http=True,
        allowed_networks=(ip_network("127.0.0.0/8"),),
        timeout_s=settings.request_timeout,
        own_origin=settings.base_url,
    )
