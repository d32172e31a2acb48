"""The house stands on its floors: imports go down only.

    doors    app, worker, create_app, cli: may know everything
    edges    pages, the API, jobs: never each other; nobody imports jobs, work is put by name
    hall     intake: the only room that knows both wings
    verbs    what is done; forms; who may do what
    models   tables; providers
    ground   plumbing, and the pure rules, which know nothing but values

Read with `ast`, so an import inside a function counts like any other; those for type checkers only do not.
"""

from __future__ import annotations

import ast
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("ground", "models", "verbs", "hall", "edges", "doors")

# The first pattern that fits says on which floor a module lives; what fits none is a verb.
PLAN = (
    ("doors", "app"),
    ("doors", "worker"),
    ("doors", "kayse_dash"),
    ("doors", "kayse_dash.cli"),
    ("doors", "kayse_dash.supervisor"),
    ("doors", "kayse_dash.preparation"),
    ("edges", "kayse_dash.api*"),
    ("edges", "kayse_dash.status"),
    ("edges", "kayse_dash.overview.styleguide"),
    ("edges", "*.pages"),
    ("edges", "*_pages"),
    ("edges", "*.jobs"),
    ("hall", "kayse_dash.intake"),
    ("hall", "kayse_dash.demo*"),
    ("models", "*.models"),
    ("models", "*_models"),
    ("models", "kayse_dash.enrichment.providers*"),
    ("ground", "kayse_dash.clock"),
    ("ground", "kayse_dash.config"),
    ("ground", "kayse_dash.db"),
    ("ground", "kayse_dash.errors"),
    ("ground", "kayse_dash.keyset"),
    ("ground", "kayse_dash.outbound*"),
    ("ground", "kayse_dash.processes"),
    ("ground", "kayse_dash.querystring"),
    ("ground", "kayse_dash.queue"),
    ("ground", "kayse_dash.secrets"),
    ("ground", "kayse_dash.story"),
    ("ground", "kayse_dash.tables*"),
    ("ground", "kayse_dash.typed"),
    ("ground", "kayse_dash.web"),
    ("ground", "kayse_dash.words"),
    ("ground", "kayse_dash.events.catalogue"),
    ("ground", "kayse_dash.events.fields"),
    ("ground", "kayse_dash.events.validation"),
    ("ground", "kayse_dash.webhooks.auth"),
    ("ground", "kayse_dash.webhooks.envelope"),
    ("ground", "kayse_dash.webhooks.matching"),
    ("ground", "kayse_dash.webhooks.outlook"),
    ("ground", "kayse_dash.webhooks.pace"),
    ("ground", "kayse_dash.webhooks.redaction"),
    ("ground", "kayse_dash.webhooks.schedule"),
    ("ground", "kayse_dash.webhooks.signing"),
)

# These import the standard library and each other only; so does every module whose docstring says that it is pure.
PURE = (
    "kayse_dash.clock",
    "kayse_dash.errors",
    "kayse_dash.events.catalogue",
    "kayse_dash.events.fields",
    "kayse_dash.outbound.addresses",
    "kayse_dash.outbound.answers",
    "kayse_dash.outbound.explanations",
    "kayse_dash.webhooks.auth",
    "kayse_dash.webhooks.envelope",
    "kayse_dash.webhooks.matching",
    "kayse_dash.webhooks.outlook",
    "kayse_dash.webhooks.pace",
    "kayse_dash.webhooks.redaction",
    "kayse_dash.webhooks.schedule",
    "kayse_dash.webhooks.signing",
)

# Who alone may know a library: queue.py is the door to RQ, outbound the one to other people's servers.
DOORS_TO_LIBRARIES = {
    "rq": ("kayse_dash.queue", "worker"),
    "requests": ("kayse_dash.outbound*",),
    "urllib3": ("kayse_dash.outbound*",),
}

WINGS = ("kayse_dash.webhooks", "kayse_dash.enrichment")


@cache
def modules() -> dict[str, Path]:
    """Every module of the product, by name."""
    found = {"app": ROOT / "app.py", "worker": ROOT / "worker.py"}
    for path in (ROOT / "kayse_dash").rglob("*.py"):
        if "migrations" not in path.parts:
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


@cache
def imported(module: str) -> frozenset[str]:
    """What a module imports: our own modules by name, others by the name they are imported under."""
    for_type_checkers = {
        id(inside)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inside in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if id(node) in for_type_checkers:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative path"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else str(node.module) for name in names}
    return frozenset(found - {module})


def own(module: str) -> list[str]:
    return sorted(name for name in imported(module) if name in modules())


def floor(module: str) -> str:
    return next((floor for floor, pattern in PLAN if fnmatchcase(module, pattern)), "verbs")


def edge(module: str) -> str:
    """The edge a module belongs to: the API is one, every other module is its own."""
    return "kayse_dash.api" if module.startswith("kayse_dash.api") else module


def is_pure(module: str) -> bool:
    first = (ast.get_docstring(tree(module)) or "").partition("\n\n")[0]
    return module in PURE or first.rstrip().endswith("Pure.")


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_go_down_only(module: str) -> None:
    higher = [name for name in own(module) if FLOORS.index(floor(name)) > FLOORS.index(floor(module))]
    assert higher == [], f"{module} lives on the floor {floor(module)!r} and imports what is above it"


@pytest.mark.parametrize("module", sorted(name for name in modules() if floor(name) == "edges"))
def test_edges_never_import_each_other(module: str) -> None:
    assert [name for name in own(module) if floor(name) == "edges" and edge(name) != edge(module)] == []


@pytest.mark.parametrize("module", sorted(name for name in modules() if is_pure(name)))
def test_pure_modules_know_the_standard_library_and_each_other(module: str) -> None:
    others = {
        name for name in imported(module) if name not in modules() and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert others == set()
    assert [name for name in own(module) if not is_pure(name)] == []


@pytest.mark.parametrize("module", sorted(modules()))
def test_nobody_imports_jobs(module: str) -> None:
    assert [name for name in imported(module) if name.rpartition(".")[2] == "jobs"] == []


@pytest.mark.parametrize("library", DOORS_TO_LIBRARIES)
def test_a_library_has_its_door(library: str) -> None:
    users = [name for name in modules() if any(each.partition(".")[0] == library for each in imported(name))]
    strangers = [name for name in users if not any(fnmatchcase(name, allowed) for allowed in DOORS_TO_LIBRARIES[library])]
    assert strangers == []
    assert users != []


@pytest.mark.parametrize("wing", WINGS)
def test_the_wings_do_not_know_each_other(wing: str) -> None:
    [other] = [name for name in WINGS if name != wing]
    crossing = [name for name in modules() if name.startswith(wing) and any(each.startswith(other) for each in imported(name))]
    assert crossing == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    settled: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in settled:
            for name in own(module):
                visit(name, (*path, module))
            settled.add(module)

    for module in modules():
        visit(module, ())


@pytest.mark.parametrize("module", sorted(name for name, path in modules().items() if path.read_text().strip()))
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(module)), f"{module} has no docstring"


def test_the_plan_names_nobody_who_has_moved_out() -> None:
    still_to_come = ("kayse_dash.enrichment.providers*",)
    patterns = [pattern for _, pattern in PLAN if pattern not in still_to_come]
    assert [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in modules())] == []
    assert set(PURE) <= set(modules())
