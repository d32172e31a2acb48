"""Plain words for what came of a request: what happened, and what a person can do about it. Pure."""

from __future__ import annotations

from kayse_dash.outbound.answers import Reason

_SUPPORT = "If it keeps happening, ask the support of the other system."
_MAYBE_RECEIVED = "It may have received the event all the same."

# {seconds} is the time limit in words, {status} the number the other system answered with.
_REASONS = {
    Reason.DNS: (
        "The name in the Destination URL could not be found on the internet.",
        "Check the spelling of the Destination URL. If it is right, ask the other system's support whether their site is down.",
    ),
    Reason.BLOCKED: (
        "The Destination URL leads to an address that may not be called, such as one inside a private network.",
        "Use an address on the public internet that starts with https://, or ask the person who runs this installation "
        "to allow the network.",
    ),
    Reason.REFUSED: (
        "The computer at the Destination URL refused the connection.",
        "Check the address and the number after the colon, if there is one, and that the other system is running.",
    ),
    Reason.UNREACHABLE: (
        "The computer at the Destination URL could not be reached.",
        "Check that the other system is online. If other webhooks fail as well, check this installation's internet connection.",
    ),
    Reason.CONNECT_TIMEOUT: (
        "No connection to the other system could be made within {seconds}.",
        "Check that the other system is online and that its firewall lets this installation in.",
    ),
    Reason.TIMEOUT: (
        "The other system did not answer within {seconds}.",
        f"{_MAYBE_RECEIVED} It should answer at once and do its work afterwards. {_SUPPORT}",
    ),
    Reason.RESET: (
        "The other system broke off the connection before it answered.",
        f"It may be restarting or overloaded. {_MAYBE_RECEIVED} {_SUPPORT}",
    ),
    Reason.TLS: (
        "No secure connection could be made: the other system's certificate cannot be trusted, or it does not speak https.",
        "Nothing was sent. Ask the other system's support to renew or correct the certificate; the details say what is wrong.",
    ),
    Reason.PROTOCOL: (
        "What came back is not an answer that a web service gives.",
        "Check that the Destination URL is the one for webhooks, and not that of another kind of service.",
    ),
    Reason.TOKEN: (
        "No access token could be had from the sign-in service of the other system, so nothing was sent.",
        "Check the token URL, the client ID and the client secret under Security.",
    ),
}

_STATUSES = {
    400: (
        "The other system did not understand the request (400).",
        "Its answer below often says what is missing. Check that the Destination URL is meant for this kind of event.",
    ),
    401: (
        "The other system did not accept who we are (401).",
        "Check the key, password or token under Security. It may have expired or been replaced.",
    ),
    403: (
        "The other system knows who we are but does not let us in (403).",
        "Ask its administrator to give the key or user under Security the right to receive events.",
    ),
    404: (
        "There is nothing at the Destination URL (404).",
        "Copy the address again from the other system. The webhook may have been deleted there.",
    ),
    405: (
        "The Destination URL does not take events (405).",
        "It may be the address of a page for people. Copy the webhook address from the other system.",
    ),
    408: (
        "The other system gave up waiting for the request (408).",
        f"It may be overloaded. {_SUPPORT}",
    ),
    410: (
        "The other system says that this webhook is gone for good (410).",
        "The webhook was switched off here. If it is still needed, create it anew in the other system and enter the new address.",
    ),
    413: (
        "The event is too large for the other system (413).",
        "Ask its support to raise the limit on the size of a request.",
    ),
    415: (
        "The other system does not take events in this format, JSON (415).",
        "Check that the Destination URL is meant for webhooks in JSON.",
    ),
    422: (
        "The other system understood the event and cannot use what is in it (422).",
        "Its answer below often says which value it does not like.",
    ),
    429: (
        "The other system is receiving too many requests and asks to wait (429).",
        "Retries wait at least as long as it asks. If it keeps happening, narrow the webhook to the events that are needed.",
    ),
    503: (
        "The other system is not available at the moment (503).",
        f"It may be overloaded or under maintenance. {_SUPPORT}",
    ),
}

_FAMILIES = {
    2: ("The other system accepted the event ({status}).", "Nothing needs to be done."),
    3: (
        "The other system says that its address is another one ({status}). Webhooks do not follow such hints.",
        "Copy the address again from the other system; the header Location of its answer often shows the new one.",
    ),
    4: (
        "The other system refused the event ({status}).",
        "Its answer below may say why. Check the Destination URL and the settings under Security.",
    ),
    5: ("The other system failed while it took the event ({status}).", f"The fault is on its side. {_SUPPORT}"),
}

_OTHER_STATUS = ("The other system gave an unusual answer ({status}).", f"Check the Destination URL. {_SUPPORT}")
_OTHER_REASON = ("The event could not be sent.", "The details say what went wrong.")


def explain(reason: str | None, status: int | None, timeout_s: float) -> tuple[str, str]:
    """Say in plain words what came of a request, and what to do.

    Args:
        reason: a value of `Reason`, or None when there was an answer.
        status: the HTTP status of the answer, if there was one.
        timeout_s: the time limit that applied, in seconds.

    Returns:
        what happened, what to do.
    """
    if reason is None and status is not None:
        happened, remedy = _STATUSES.get(status) or _FAMILIES.get(status // 100, _OTHER_STATUS)
    else:
        happened, remedy = _REASONS.get(reason, _OTHER_REASON)
    return happened.format(seconds=_seconds(timeout_s), status=status), remedy


def _seconds(number: float) -> str:
    return "1 second" if number == 1 else f"{number:g} seconds"
