"""The overview: whether all is well, what to do next, and the sample firm."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, demo, web
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.overview import figures

bp = Blueprint("overview", __name__)

SENDS_TO_OWN = "Its events are also sent to webhooks of your own that are switched on and match them."
REMOVES_ALL = (
    "Everything that belongs to it is deleted: its clients, agents, campaigns, webhooks, test inboxes and events, "
    "also what you added to them."
)


@bp.get("/")
def home() -> Response:
    now = clock.now()
    settings = current_app.extensions["kayse_settings"]
    start = figures.start()
    return web.page_or_fragment(
        "overview/home.html",
        "overview/_now.html",
        figures=figures.read(now),
        concerns=figures.concerns(now),
        kinds=CATALOGUE,
        newest=figures.newest(),
        start=start,
        sample_is_loaded=demo.is_loaded(),
        sample_is_live=demo.is_live(),
        sample_warning=SENDS_TO_OWN if start.webhook else None,
        removal_warning=REMOVES_ALL,
        base_url=settings.base_url,
        timeout_s=settings.request_timeout,
    )


@bp.post("/sample-firm")
def load_sample_firm() -> BaseResponse:
    if figures.start().webhook and request.form.get("confirmed") != "yes":
        page = render_template(
            "confirm.html",
            title="Load the sample firm?",
            text=SENDS_TO_OWN,
            label="Load the sample firm",
            action=request.path,
            back=url_for("overview.home"),
        )
        return Response(page)
    loaded = demo.load(clock.now())
    happens = (
        "New events come in for the next ten minutes." if loaded.live else "Redis does not answer, so no new events come in."
    )
    flash(f"{loaded.in_words} {happens}", "success" if loaded.live else "warning")
    return web.go("overview.home")


@bp.post("/sample-firm/remove")
def remove_sample_firm() -> BaseResponse:
    if request.form.get("confirmed") != "yes":
        page = render_template(
            "confirm.html",
            title="Remove the sample firm?",
            text=REMOVES_ALL,
            label="Remove the sample firm",
            kind="danger",
            action=request.path,
            back=url_for("overview.home"),
        )
        return Response(page)
    removed = demo.remove(clock.now())
    flash(f"The sample firm was removed: {removed.in_words}.", "success")
    for reason in removed.kept:
        flash(reason, "warning")
    return web.go("overview.home")
