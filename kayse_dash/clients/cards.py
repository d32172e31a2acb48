"""What other parts of the product show on a client's page, below what is known of the client."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app
from markupsafe import Markup

from kayse_dash.clients.models import Client

# What the page shows; None where there is nothing to show.
Card = Callable[[Client], Markup | None]


def add(app: Flask, card: Card) -> None:
    """Show a card on every client's page; what is added first stands first."""
    app.extensions.setdefault("kayse_client_cards", []).append(card)


def of(client: Client) -> list[Markup]:
    """The cards that have something to show for a client."""
    return [shown for card in current_app.extensions.get("kayse_client_cards", ()) if (shown := card(client))]
