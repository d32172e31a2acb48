"""What the API answers with, as pydantic models; the reference is made from these."""

from kayse_dash.api.schemas.agents import Agent, AgentPage
from kayse_dash.api.schemas.base import Answer
from kayse_dash.api.schemas.campaigns import Campaign, CampaignPage
from kayse_dash.api.schemas.clients import Client, ClientAddress, ClientDetail, ClientPage, ClientPhoneOrEmail
from kayse_dash.api.schemas.deliveries import Attempt, Delivery, DeliveryDetail, DeliverySlice
from kayse_dash.api.schemas.events import (
    POSTED,
    Event,
    EventDetail,
    EventSlice,
    OwedDelivery,
    Posted,
    PostedBatch,
    WebhookOutcome,
)
from kayse_dash.api.schemas.webhooks import (
    NewSecret,
    Recovery,
    RecoveryStarted,
    Webhook,
    WebhookAuth,
    WebhookDisabled,
    WebhookEnabled,
    WebhookPage,
)

__all__ = [
    "POSTED",
    "Agent",
    "AgentPage",
    "Answer",
    "Attempt",
    "Campaign",
    "CampaignPage",
    "Client",
    "ClientAddress",
    "ClientDetail",
    "ClientPage",
    "ClientPhoneOrEmail",
    "Delivery",
    "DeliveryDetail",
    "DeliverySlice",
    "Event",
    "EventDetail",
    "EventSlice",
    "NewSecret",
    "OwedDelivery",
    "Posted",
    "PostedBatch",
    "Recovery",
    "RecoveryStarted",
    "Webhook",
    "WebhookAuth",
    "WebhookDisabled",
    "WebhookEnabled",
    "WebhookOutcome",
    "WebhookPage",
]
