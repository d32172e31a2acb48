"""Who acts in the sample firm: campaigns, agents, and clients as far as a call needs to know them. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

CAMPAIGNS: tuple[tuple[str, str | None, bool], ...] = (  # name, case type, whether it runs
    ("Sample motor vehicle intake", "Motor vehicle accident", True),
    ("Sample truck accident outreach", "Truck accident", True),
    ("Sample slip and fall intake", "Premises liability", True),
    ("Sample workplace injury follow-up", "Workers' compensation", True),
    ("Sample medical malpractice review", "Medical malpractice", True),
    ("Sample former clients check-in", None, False),
)
AGENTS: tuple[tuple[str, str, int | None, str], ...] = (  # external id, name, place of its campaign, the flow that built it
    ("agent_sample_ava", "Ava, motor vehicle intake", 0, "builder"),
    ("agent_sample_marco", "Marco, intake in Spanish", 0, "wizard"),
    ("agent_sample_ruth", "Ruth, truck accident outreach", 1, "campaign"),
    ("agent_sample_theo", "Theo, slip and fall intake", 2, "wizard"),
    ("agent_sample_june", "June, workplace follow-up", 3, "builder"),
    ("agent_sample_iris", "Iris, malpractice review", 4, "campaign"),
    ("agent_sample_noah", "Noah, former clients check-in", 5, "campaign"),
    ("agent_sample_max", "Max, after-hours reception", None, "wizard"),
)


@dataclass(frozen=True)
class Campaign:
    """A campaign that callers belong to."""

    id: int
    case_type: str | None


@dataclass(frozen=True)
class Agent:
    """A voice agent; one without a campaign answers for all of them while the office is closed."""

    external_id: str
    name: str
    campaign_id: int | None


@dataclass(frozen=True)
class Client:
    """Somebody the firm calls, or who calls it.

    Args:
        phone: in E.164; None where there is none to call.
        case_id: None before there is a case.
        campaign: what their calls are about.
        since: when they became a client.
    """

    id: int
    first_name: str
    last_name: str
    phone: str | None
    case_id: int | None
    campaign: Campaign
    since: datetime

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Cast:
    """Everybody who may act: the clients who may be called, and the agents there are."""

    clients: Sequence[Client]
    agents: Sequence[Agent]

    def agent_for(self, campaign: Campaign, dice: random.Random, *, office_is_open: bool = True) -> Agent | None:
        """Who takes or makes a call; None where there is no agent left."""
        own = [agent for agent in self.agents if agent.campaign_id == campaign.id]
        reception = [agent for agent in self.agents if agent.campaign_id is None]
        able = (own or reception) if office_is_open else (reception or own)
        return dice.choice(able) if able else None
