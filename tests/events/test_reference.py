"""The reference page tells what the code does, and the programs on it verify signatures."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from kayse_dash import words
from kayse_dash.events import reference_pages, validation
from kayse_dash.events.catalogue import CATALOGUE, CATEGORIES
from kayse_dash.webhooks import envelope, schedule

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"event":"call_ended","timestamp":"2024-01-15T10:30:00Z","data":{"client_name":"Zoë O\'Neil","note":"a  b"}}\n'
VERIFY = Path(reference_pages.__file__).resolve().parents[2] / "templates" / "reference" / "verify"


@pytest.fixture
def page(login: Callable[[str], FlaskClient]) -> str:
    """The page's text as a viewer reads it."""
    answer = login("viewer").get("/reference")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def code(page: str, element_id: str) -> str:
    """The text of one block of code."""
    return html.unescape(re.search(rf'<code id="{re.escape(element_id)}"[^>]*>(.*?)</code>', page, re.S)[1])


def test_it_needs_a_login(client: FlaskClient) -> None:
    assert client.get("/reference").status_code == 302


def test_it_lists_every_event_with_its_meaning_fields_and_sample(page: str) -> None:
    samples = [json.loads(html.unescape(text)) for text in re.findall(r'<code id="sample-[^>]*>(.*?)</code>', page, re.S)]
    assert [sample["event"] for sample in samples] == list(CATALOGUE)
    for kind, sample in zip(CATALOGUE.values(), samples, strict=True):
        section = page.partition(f'id="{kind.name}"')[2].partition("</section>")[0]
        assert html.escape(kind.label) in section
        assert html.escape(kind.meaning, quote=False).replace("'", "&#39;") in section
        assert ("sent across all campaigns" in section) is not kind.takes_campaign_filter
        for name in kind.schema["properties"]:
            assert f"<code>{name}</code>" in section
        assert f'href="#{kind.name}"' in page
        assert sample == {"event": kind.name, "timestamp": "2024-01-15T10:30:00Z", "data": kind.sample}
    for category in CATEGORIES:
        assert f"Events: {category}" in page


def test_every_link_inside_the_page_has_a_place_to_go(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_fields_inside_others_are_listed_by_their_path() -> None:
    rows = {row.name: row for row in reference_pages.field_rows(CATALOGUE["transcript_updated"])}
    assert rows["segments"].kind == "List"
    assert rows["segments[].text"].kind == "Text"
    assert rows["started_at"].kind == "Date and time"
    assert rows["client_id"].kind == "Text or whole number"
    assert {row.name: row.kind for row in reference_pages.field_rows(CATALOGUE["case.updated"])}["changes.*.old"] == "Any"


def test_its_table_of_waits_is_the_schedule(page: str) -> None:
    assert waits_on(page) == [(str(number), words.wait(seconds)) for number, seconds in enumerate(schedule.WAITS, 1)]
    assert [wait for _number, wait in waits_on(page)] == ["Right away", "5 minutes", "30 minutes", "2 hours", "24 hours"]


def test_its_waits_time_limit_and_address_follow_the_settings(app: Flask, login: Callable[[str], FlaskClient]) -> None:
    told = replace(app.extensions["kayse_settings"], retry_waits=(0, 90), request_timeout=7.5, base_url="https://hooks.example.com")
    app.extensions["kayse_settings"] = told
    page = login("viewer").get("/reference").get_data(as_text=True)
    assert waits_on(page) == [("1", "Right away"), ("2", "1 minute 30 seconds")]
    assert "within 7.5 seconds" in page
    assert "https://hooks.example.com/v1/events" in page


def test_it_names_every_header_that_travels(page: str) -> None:
    for name in envelope.headers("evt_1", 1, signature="v1,x", is_test=True):
        assert f"<code>{name}</code>" in page
    assert envelope.USER_AGENT in page


@pytest.mark.parametrize("block", ["curl-one", "curl-batch", "curl-again"])
def test_the_events_it_posts_are_taken(page: str, block: str) -> None:
    command = shlex.split(code(page, block))
    assert command[1].endswith("/v1/events")
    assert "X-API-KEY: $KAYSE_API_KEY" in command
    posted = json.loads(command[command.index("-d") + 1])
    events = posted.get("events", [posted])
    assert events
    for event in events:
        assert validation.check(event["event"], event["data"]) == {}


def test_it_links_to_the_machine_readable_description(page: str) -> None:
    assert 'href="/v1/openapi.json"' in page


@pytest.mark.parametrize("language", reference_pages.LANGUAGES)
def test_it_shows_each_program_to_the_letter(page: str, language: str) -> None:
    assert code(page, f"verify-{language}") == (VERIFY / f"{language}.txt").read_text()


def waits_on(page: str) -> list[tuple[str, str]]:
    table = page.partition('id="retries"')[2].partition("</table>")[0]
    return re.findall(r"<tr><td>(\d+)</td><td>([^<]+)</td></tr>", table)


# The programs. Each is given a little main that calls `verify` for every five arguments and prints "good" or "bad".
MAINS = {
    "python": """
import sys
for i in range(1, len(sys.argv), 5):
    *given, path = sys.argv[i:i + 5]
    with open(path, "rb") as file:
        print("good" if verify(*given, file.read()) else "bad")
""",
    "node": """
for (let rest = process.argv.slice(2); rest.length; rest = rest.slice(5)) {
  const body = require("node:fs").readFileSync(rest[4]);
  console.log(verify(...rest.slice(0, 4), body) ? "good" : "bad");
}
""",
    "php": """
for ($i = 1; $i < $argc; $i += 5) {
    $body = file_get_contents($argv[$i + 4]);
    echo verify($argv[$i], $argv[$i + 1], $argv[$i + 2], $argv[$i + 3], $body) ? "good\\n" : "bad\\n";
}
""",
    "ruby": """
ARGV.each_slice(5) { |*given, path| puts verify(*given, File.binread(path)) ? "good" : "bad" }
""",
    "go": """
package main

import (
	"fmt"
	"os"
)

func main() {
	for rest := os.Args[1:]; len(rest) > 0; rest = rest[5:] {
		body, err := os.ReadFile(rest[4])
		if err == nil && Verify(rest[0], rest[1], rest[2], rest[3], body) {
			fmt.Println("good")
		} else {
			fmt.Println("bad")
		}
	}
}
""",
    "csharp": """
public static class Program
{
    public static void Main(string[] given)
    {
        for (var i = 0; i < given.Length; i += 5)
        {
            var body = System.IO.File.ReadAllBytes(given[i + 4]);
            var good = Webhooks.Verify(given[i], given[i + 1], given[i + 2], given[i + 3], body);
            System.Console.WriteLine(good ? "good" : "bad");
        }
    }
}
""",
    "java": """
public class Main {
    public static void main(String[] given) throws Exception {
        for (int i = 0; i < given.length; i += 5) {
            byte[] body = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(given[i + 4]));
            System.out.println(Webhooks.verify(given[i], given[i + 1], given[i + 2], given[i + 3], body) ? "good" : "bad");
        }
    }
}
""",
    "shell": """
while [ $# -ge 5 ]; do
  if verify "$@"; then echo good; else echo bad; fi
  shift 5
done
""",
}

# What must be installed, the names of the program's and the main's files (one name: joined), and how the two are run.
RUN = {
    "python": (["python3"], ["verify.py"], [["python3", "verify.py"]]),
    "node": (["node"], ["verify.js"], [["node", "verify.js"]]),
    "php": (["php"], ["verify.php"], [["php", "verify.php"]]),
    "ruby": (["ruby"], ["verify.rb"], [["ruby", "verify.rb"]]),
    "go": (["go"], ["verify.go", "main.go"], [["go", "build", "-o", "main", "verify.go", "main.go"], ["./main"]]),
    "csharp": (["mcs", "mono"], ["Webhooks.cs", "Main.cs"], [["mcs", "-out:main", "Webhooks.cs", "Main.cs"], ["mono", "main"]]),
    "java": (["javac", "java"], ["Webhooks.java", "Main.java"], [["javac", "Webhooks.java", "Main.java"], ["java", "Main"]]),
    "shell": (["sh", "openssl"], ["verify.sh"], [["sh", "verify.sh"]]),
}


def run_program(language: str, folder: Path, arguments: list[str]) -> list[str]:
    """What the program on the page prints, one word for every five arguments."""
    needed, files, commands = RUN[language]
    if missing := [name for name in needed if not shutil.which(name)]:
        pytest.skip(f"{' and '.join(missing)} missing here: the {language} program cannot be run")
    program = (VERIFY / f"{language}.txt").read_text()
    if language == "go":
        program = program.replace("package webhooks", "package main")
    parts = [program, MAINS[language].lstrip()] if len(files) == 2 else [program + MAINS[language]]
    for name, text in zip(files, parts, strict=True):
        (folder / name).write_text(text)
    environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GO111MODULE": "off", "LC_ALL": "C.UTF-8"}
    *builds, command = commands
    for build in builds:
        subprocess.run(build, cwd=folder, env=environment, check=True, timeout=100)
    return subprocess.check_output([*command, *arguments], cwd=folder, env=environment, text=True, timeout=30).split()


@pytest.mark.parametrize("language", reference_pages.LANGUAGES)
def test_the_program_takes_good_signatures_and_refuses_the_rest(language: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def signed(secret: str = SECRET, webhook_id: str = "evt_1", at: datetime = now, body: str = BODY) -> str:
        return Webhook(secret).sign(webhook_id, at, body)

    def unix(at: datetime = now) -> str:
        return str(int(at.timestamp()))

    early, late = now - timedelta(minutes=6), now + timedelta(minutes=6)
    changed = BODY.replace("call_ended", "call_started")
    cases = [
        # secret, webhook-id, webhook-timestamp, webhook-signature, body, expected
        (SECRET, "evt_1", unix(), signed(), BODY, "good"),
        (SECRET, "evt_1", unix(), f"{signed(OTHER_SECRET)} {signed()}", BODY, "good"),
        (SECRET, "evt_1", unix(now - timedelta(minutes=4)), signed(at=now - timedelta(minutes=4)), BODY, "good"),
        (SECRET, "evt_1", unix(), signed(body=""), "", "good"),
        (SECRET, "evt_1", unix(), signed(), changed, "bad"),
        (SECRET, "evt_1", unix(), signed(), BODY.rstrip(), "bad"),
        (SECRET, "evt_2", unix(), signed(), BODY, "bad"),
        (SECRET, "evt_1", unix(now - timedelta(seconds=1)), signed(), BODY, "bad"),
        (SECRET, "evt_1", unix(early), signed(at=early), BODY, "bad"),
        (SECRET, "evt_1", unix(late), signed(at=late), BODY, "bad"),
        (SECRET, "evt_1", unix(), signed(OTHER_SECRET), BODY, "bad"),
        (SECRET, "evt_1", unix(), signed().replace("v1,", "v2,"), BODY, "bad"),
        (SECRET, "evt_1", unix(), signed().removeprefix("v1,"), BODY, "bad"),
        (SECRET, "evt_1", unix(), signed()[:20], BODY, "bad"),
        (SECRET, "evt_1", unix(), "v1,", BODY, "bad"),
        (SECRET, "evt_1", unix(), "", BODY, "bad"),
        (SECRET, "", "", "", BODY, "bad"),
        (SECRET, "evt_1", "now", signed(), BODY, "bad"),
        (SECRET, "evt_1", f"-{unix()}", signed(), BODY, "bad"),
        (SECRET, "evt_1", "9" * 400, signed(), BODY, "bad"),
        (SECRET, "evt_1", "0", signed(at=datetime.fromtimestamp(0, UTC)), BODY, "bad"),
    ]
    arguments: list[str] = []
    for number, (*headers, body, _expected) in enumerate(cases):
        (tmp_path / f"body-{number}").write_text(body)
        arguments += [*headers, f"body-{number}"]
    assert run_program(language, tmp_path, arguments) == [case[-1] for case in cases]
