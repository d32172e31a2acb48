"""Kayse Dash: webhooks that are never lost, and client records that know where each value came from."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, request
from flask_migrate import Migrate
from flask_openapi3 import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

import kayse_dash.clients.import_models
import kayse_dash.clients.models
import kayse_dash.inbox.models
import kayse_dash.webhooks.models  # noqa: F401 - every table has to be known before a migration
from kayse_dash import api, cli, outbound, queue, secrets, status, web, words
from kayse_dash.accounts import access, admin_pages, sessions
from kayse_dash.accounts import pages as accounts_pages
from kayse_dash.clients import agent_pages, import_pages, list_pages, merge_pages, record_pages
from kayse_dash.clients import pages as clients_pages
from kayse_dash.config import Settings
from kayse_dash.db import db, engine_options, set_reading
from kayse_dash.events import pages as events_pages
from kayse_dash.events import reference_pages
from kayse_dash.inbox import pages as inbox_pages
from kayse_dash.overview import pages as overview_pages
from kayse_dash.overview import styleguide
from kayse_dash.webhooks import delivery_pages, recovery_pages, webhook_pages, wizard_pages

HERE = Path(__file__).resolve().parent
LARGEST_BODY = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application from `settings` (default: from the environment).

    Raises:
        ConfigError: the environment cannot be used.
    """
    settings = settings or Settings.from_env()
    app = OpenAPI(
        __name__,
        info=api.INFO,
        security_schemes=api.SECURITY,
        validation_error_callback=api.validation_failed,
        validation_error_model=api.ErrorAnswer,
        doc_ui=False,
        template_folder=str(HERE.parent / "templates"),
        static_folder=str(HERE.parent / "static"),
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https://"),
        SESSION_COOKIE_NAME="kayse",
        PERMANENT_SESSION_LIFETIME=sessions.LASTS,
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["kayse_settings"] = settings
    app.extensions["kayse_box"] = secrets.box(settings.encryption_keys)

    if hops := settings.trusted_proxies:
        # Without it every visitor has the proxy's address, in the audit trail and where guesses are counted.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    # A GET only reads: on SQLite its transaction then neither waits for a writer nor makes one wait.
    app.before_request(lambda: set_reading(request.method in access.SAFE_METHODS))

    db.init_app(app)
    Migrate(app, db, directory=str(HERE / "migrations"), render_as_batch=True, compare_type=True)
    queue.init_app(app, settings.redis_url)
    outbound.init_app(app, settings)
    words.init_app(app)
    app.jinja_env.globals.update(explain=outbound.explain, source=web.template_source)
    web.init_app(app)
    access.init_app(app)

    for pages in (
        overview_pages,
        styleguide,
        accounts_pages,
        admin_pages,
        webhook_pages,
        wizard_pages,
        recovery_pages,
        delivery_pages,
        events_pages,
        reference_pages,
        clients_pages,
        list_pages,
        record_pages,
        merge_pages,
        agent_pages,
        import_pages,
        inbox_pages,
        status,
    ):
        app.register_blueprint(pages.bp)
    api.init_app(app)
    cli.init_app(app)
    return app
