"""Which event goes to which webhook, and if not, why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What one webhook's rule says to one event."""

    SEND = "send"
    HOLD = "hold"
    EVENT_NOT_CHOSEN = "event_not_chosen"
    OTHER_CAMPAIGN = "other_campaign"
    OTHER_CASE_TYPE = "other_case_type"

    @property
    def is_owed(self) -> bool:
        """Whether a delivery exists for it."""
        return self in (Verdict.SEND, Verdict.HOLD)

    @property
    def words(self) -> str:
        return {
            Verdict.SEND: "Sent: it matches this webhook.",
            Verdict.HOLD: "Held: it matches, but the webhook was switched off.",
            Verdict.EVENT_NOT_CHOSEN: "Not sent: this webhook does not listen to this event.",
            Verdict.OTHER_CAMPAIGN: "Not sent: the campaign filter of this webhook leaves it out.",
            Verdict.OTHER_CASE_TYPE: "Not sent: the case type filter of this webhook leaves it out.",
        }[self]


@dataclass(frozen=True)
class Rule:
    """What a webhook listens to. An empty set means all."""

    enabled: bool
    events: frozenset[str]
    campaign_ids: frozenset[int]
    case_types: frozenset[str]

    @classmethod
    def of(cls, enabled: bool, events: Iterable[str], campaign_ids: Iterable[int], case_types: Iterable[str]) -> Rule:
        """A rule from plain lists; case types compare without regard to capitals."""
        return cls(enabled, frozenset(events), frozenset(campaign_ids), frozenset(kind.casefold() for kind in case_types))


def judge(
    rule: Rule, event_type: str, *, takes_campaign_filter: bool, campaign_id: int | None = None, case_type: str | None = None
) -> Verdict:
    """Say what `rule` makes of an event.

    Args:
        takes_campaign_filter: whether this kind of event can be narrowed by campaign (the eight call events).
        campaign_id: the event's campaign; None when it names none, which a campaign filter leaves out.
        case_type: the event's case type, likewise.
    """
    if rule.events and event_type not in rule.events:
        return Verdict.EVENT_NOT_CHOSEN
    if rule.campaign_ids and takes_campaign_filter and campaign_id not in rule.campaign_ids:
        return Verdict.OTHER_CAMPAIGN
    if rule.case_types and (case_type or "").casefold() not in rule.case_types:
        return Verdict.OTHER_CASE_TYPE
    return Verdict.SEND if rule.enabled else Verdict.HOLD
