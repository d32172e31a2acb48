"""The one door to other people's servers.

    client().post(url, body, headers) -> Answer      what came of one request; never an exception
    check_url(url, policy()) -> UrlCheck             what is to be said of a Destination URL before it is saved
    explain(reason, status, timeout_s)               plain words for it

`addresses` (where requests may go), `answers` and `explanations` are pure; `urls` reads URLs, `connections` makes sockets
that end in time, `client` sends, `faults` reads exceptions. Only this folder knows of `requests`.
"""

from __future__ import annotations

from flask import Flask, current_app

from kayse_dash.config import Settings
from kayse_dash.outbound.answers import Answer, Reason, no_answer
from kayse_dash.outbound.client import Client
from kayse_dash.outbound.connections import Stopped, look_up
from kayse_dash.outbound.explanations import explain
from kayse_dash.outbound.urls import Policy, UnusableURL, UrlCheck, literal, problem_of, read

__all__ = [
    "Answer",
    "Client",
    "Policy",
    "Reason",
    "UrlCheck",
    "check_url",
    "client",
    "explain",
    "init_app",
    "no_answer",
    "policy",
]

# A person is waiting for the form.
LONGEST_CHECK_S = 3.0


def init_app(app: Flask, settings: Settings) -> None:
    """Give the application its client; it opens nothing before the first request."""
    app.extensions["kayse_outbound"] = Client(Policy.of(settings))


def client() -> Client:
    return current_app.extensions["kayse_outbound"]


def policy() -> Policy:
    return client().policy


def check_url(url: str, policy: Policy, *, resolve: bool = True) -> UrlCheck:
    """Say what is wrong with a Destination URL as typed.

    Args:
        resolve: look the name up (at most 3 s). That it is not found is a warning only: it may be there tomorrow.
    """
    try:
        destination = read(url, policy)
    except UnusableURL as error:
        return UrlCheck(url.strip(), problem=str(error))
    if destination.is_own_inbox or not (resolve or literal(destination.host)):
        return UrlCheck(destination.url)
    try:
        found = look_up(destination.host, LONGEST_CHECK_S)
    except Stopped:
        hint = "Check the spelling." if "." in destination.host else "It should end in something like .com."
        return UrlCheck(destination.url, warning=f"The name {destination.host} was not found just now. {hint}")
    return UrlCheck(destination.url, problem=problem_of(destination, [sockaddr[0] for _, sockaddr in found], policy))
