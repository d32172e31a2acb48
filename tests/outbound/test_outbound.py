from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from kayse_dash import outbound
from kayse_dash.outbound import Policy, check_url

POLICY = Policy(allow_http=False, allowed_networks=(), timeout_s=1.0, own_origin="http://127.0.0.1:8000")


class TestCheckUrl:
    def test_a_good_address_has_nothing_against_it(self, names):
        names["hooks.example.com"] = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
        check = check_url(" HTTPS://Hooks.Example.com ", POLICY)
        assert (check.url, check.problem, check.warning) == ("https://hooks.example.com/", None, None)

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("", "Enter the address"),
            ("http://example.com/", "must start with https://"),
            ("https://me:pw@example.com/", "put the user name and password under Security"),
            ("https://10.0.0.5/", "inside a private network"),
            ("https://127.0.0.1/", "inside a private network"),
            ("https://[::1]/", "inside a private network"),
            ("https://2130706433/", "inside a private network"),
            ("https://169.254.169.254/", "leads to the local network link"),
            ("https://crm.firm.test/", "inside a private network"),
            ("https://mixed.test/", "inside a private network"),
            ("https://224.0.0.1/", "leads to many computers at once"),
        ],
    )
    def test_what_cannot_be_saved_is_said_in_plain_words(self, names, typed, words):
        names["crm.firm.test"] = ["192.168.1.20"]
        names["mixed.test"] = ["93.184.215.14", "10.0.0.1"]
        check = check_url(typed, POLICY)
        assert words in check.problem
        assert check.problem.endswith(".")
        assert check.warning is None

    def test_what_was_typed_is_given_back_when_it_cannot_be_read(self):
        assert check_url("  nonsense ", POLICY).url == "nonsense"

    @pytest.mark.parametrize(("typed", "words"), [("https://exmaple.com/", "Check the spelling."), ("https://zapier/", ".com")])
    def test_a_name_that_is_not_found_is_a_warning_only(self, names, typed, words):
        check = check_url(typed, POLICY)
        assert check.problem is None
        assert words in check.warning

    def test_a_resolver_that_hangs_is_a_warning_only(self, names, monkeypatch):
        monkeypatch.setattr(outbound, "LONGEST_CHECK_S", 0.2)
        answered = threading.Event()
        names["slow.test"] = lambda: answered.wait(20) and []
        started = time.perf_counter()
        check = check_url("https://slow.test/", POLICY)
        assert time.perf_counter() - started < 1
        assert check.problem is None
        assert "slow.test was not found" in check.warning
        answered.set()

    def test_without_looking_up_only_what_is_typed_counts(self, names):
        names["crm.firm.test"] = ["192.168.1.20"]
        assert check_url("https://crm.firm.test/", POLICY, resolve=False).problem is None
        assert check_url("https://nowhere.test/", POLICY, resolve=False).warning is None
        assert "private network" in check_url("https://192.168.1.20/", POLICY, resolve=False).problem

    def test_an_allowed_network_is_no_problem(self, names, settings):
        names["crm.firm.test"] = ["127.0.0.5"]
        assert check_url("http://crm.firm.test/", Policy.of(settings)).problem is None

    def test_an_own_test_inbox_is_no_problem(self):
        assert check_url("http://127.0.0.1:8000/inbox/abc", POLICY) == outbound.UrlCheck("http://127.0.0.1:8000/inbox/abc")
        assert check_url("http://127.0.0.1:8000/settings", POLICY).problem
        assert check_url("http://127.0.0.1:8000/inbox/abc", replace(POLICY, own_origin="http://127.0.0.1:9000")).problem


class TestApplication:
    def test_it_has_one_client_with_its_settings(self, app, settings, receiver):
        assert outbound.client() is outbound.client() is app.extensions["kayse_outbound"]
        assert outbound.policy() == Policy.of(settings)
        assert outbound.client().post(receiver.url, b"{}", {}).ok
        outbound.client().close()

    def test_it_opens_nothing_before_the_first_request(self, app):
        assert outbound.client()._pid is None
