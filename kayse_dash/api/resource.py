"""A blueprint of the API: flask-openapi3 describes its routes from their annotations, `inputs` reads what is sent to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask_openapi3 import APIBlueprint, Tag

from kayse_dash import web
from kayse_dash.api import access, errors, inputs


class Resource(APIBlueprint):
    """The routes of one kind of record, below `/v1/<name>`. They need an API key.

    A route is a function with any of the arguments `path`, `query`, `header` and `body`, each annotated with its model.

    Args:
        about: one sentence for the reference.
        part: tells the blueprints of one resource apart.
    """

    def __init__(self, name: str, about: str, part: str = "") -> None:
        super().__init__(
            f"api_{name}{part}",
            __name__,
            url_prefix=f"/v1/{name}",
            abp_tags=[Tag(name=name.capitalize(), description=about)],
            abp_security=[{"api_key": []}],
            abp_responses=errors.RESPONSES,
            operation_id_callback=lambda *, name, path, method: name,
        )
        self.before_request(access.need_key)
        web.csrf.exempt(self)

    @staticmethod
    def create_view_func(
        func: Callable[..., Any], header: Any, cookie: Any, path: Any, query: Any, form: Any, body: Any, raw: Any, **_: Any
    ) -> Callable[..., Any]:
        """Called by flask-openapi3 for each route; its own reading knows no JSON errors and answers pydantic's words."""

        @wraps(func)
        def view(**in_path: Any) -> Any:
            given: dict[str, Any] = {}
            if path:
                given["path"] = inputs.path(path, in_path)
            if header:
                given["header"] = inputs.header(header)
            if query:
                given["query"] = inputs.query(query)
            if body:
                given["body"] = inputs.body(body)
            return func(**given)

        return view
