"""The GitHub Action and the GitLab job: their steps in a shell, against S3 of moto and simulated APIs."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from scanner.cli.commands import audit
from tests.fakes.bundles import ACCOUNT, REGION, BundleBuilder, rule, volume_arn
from tests.fakes.environment import lead_to

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
ACTION: Final = DEPLOY / "github-action"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/backup"
MARKER: Final = "<!-- vaultproof what-if -->"
REMOVAL: Final = {"action": "remove", "change": {"BackupPlanId": "daily"}}
KEPT: Final = {
    "BackupPlanId": "daily",
    "BackupPlan": {
        "BackupPlanName": "daily",
        "Rules": [{"RuleName": "daily", "TargetBackupVaultName": "main"}],
    },
}
BASH: Final = shutil.which("bash") or "/bin/bash"
EXPRESSION: Final = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@dataclass
class Forge:
    """What the simulated GitHub and GitLab have stored."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    refuses_logs: bool = False


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> Any:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_form = "form" in (self.headers["Content-Type"] or "") and not text.startswith("{")
        return {key: values[0] for key, values in parse_qs(text).items()} if is_form else json.loads(text)

    def _note(self) -> None:
        self.forge.tokens.add(self.headers["Authorization"] or self.headers["PRIVATE-TOKEN"])
        self.forge.requests.append(f"{self.command} {urlsplit(self.path).path}")

    def do_GET(self) -> None:
        """Return the comments, a page at a time, or the user of the token."""
        self._note()
        if self.path.endswith("/user"):
            self._answer(200, {"id": 7})
            return
        page = int(parse_qs(urlsplit(self.path).query)["page"][0])
        self._answer(200, self.forge.comments[(page - 1) * 100 : page * 100])

    def do_POST(self) -> None:
        """Add a comment, or a log of code scanning."""
        self._note()
        document = self._body()
        if self.path.endswith("/code-scanning/sarifs"):
            if self.forge.refuses_logs:
                self._answer(403, {"message": "Advanced Security must be enabled"})
                return
            self.forge.logs.append(document)
            self._answer(202, {"id": "1"})
            return
        number = len(self.forge.comments) + 1
        self.forge.comments.append(comment(number, document["body"]))
        self._answer(201, self.forge.comments[-1])

    def _update(self) -> None:
        self._note()
        number = int(self.path.rpartition("/")[2])
        self.forge.comments[number - 1]["body"] = self._body()["body"]
        self._answer(200, self.forge.comments[number - 1])

    do_PATCH = do_PUT = _update  # noqa: N815 -- names of the base class


def comment(number: int, body: str, login: str = "github-actions[bot]", author: int = 7) -> dict[str, Any]:
    return {
        "id": number,
        "body": body,
        "html_url": f"https://github.example/{number}",
        "user": {"login": login},
        "author": {"id": author},
    }


@pytest.fixture
def forge() -> Iterator[tuple[Forge, str]]:
    state = Forge()
    handler = type("Handler", (_Handler,), {"forge": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    builder = BundleBuilder(tmp_path_factory.mktemp("bundle"))
    builder.organization(ACCOUNT)
    terms = {"IamRoleArn": ROLE, "Resources": [volume_arn("vol-1")]}
    shard = builder.shard().vault("main").volume("vol-1").settings(EBS=True)
    shard.plan("daily", rules=[rule()], selections=[terms])
    folder = builder.record().write()
    words = ("--controls", "resource-in-backup-plan", "--format", "json", "-q", "--out", str(folder))
    done = CliRunner().invoke(audit, ["evaluate", str(folder), *words])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def endpoint(scan: Path) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        lead_to(f"http://{host}:{port}", patch)
        client = boto3.client("s3")
        client.create_bucket(Bucket="audits")
        for path in scan.rglob("*"):
            if path.is_file():
                name = path.relative_to(scan).as_posix()
                client.upload_file(str(path), "audits", f"nightly/2026-11-30/{name}")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def recorded(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an `audit` that copies what the real one answered to the change `KEPT`."""
    folder = tmp_path_factory.mktemp("recorded")
    change = folder / "change.json"
    change.write_text(json.dumps(KEPT))
    out, names = folder / "answer", ("--account", ACCOUNT, "--region", REGION, "--change", str(change))
    formats = ("--format", "table,markdown,json,sarif", "--fail-on", "high")
    done = CliRunner().invoke(audit, ["what-if", *formats, *names, "--out", str(out), "--", str(scan)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {"what-if.json", "what-if.md", "what-if.sarif"}
    stub(folder, f'for word; do case $word in --out=*) cp {out}/* "${{word#--out=}}" ;; esac; done')
    return folder


def stub(folder: Path, script: str) -> Path:
    """Write an `audit` for the steps to call; return its folder, for PATH."""
    command = folder / "audit"
    command.write_text(f"#!{BASH}\nset -eu\n{script}\n")
    command.chmod(0o755)
    return folder


@dataclass
class Runner:
    """Runs the steps of the action as a runner of GitHub does."""

    folder: Path
    environment: dict[str, str]
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    def use(self, audit_folder: Path) -> None:
        """Let the steps call the `audit` in a folder instead of the real one."""
        self.environment["PATH"] = f"{audit_folder}:{self.environment['PATH']}"

    def run(self, **given: str) -> int:
        """Return the exit code of the first step that fails, or 0."""
        action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
        inputs = {name: str(entry.get("default", "")) for name, entry in action["inputs"].items()}
        inputs |= {"token": "secret-token", **given}
        for step in action["runs"]["steps"]:
            condition = step.get("if")
            if condition and inputs[condition.split("'")[0].split(".")[1].split(" ")[0]] != "true":
                continue
            if code := self._step(step, inputs):
                return code
        return 0

    def _step(self, step: dict[str, Any], inputs: dict[str, str]) -> int:
        assert step["shell"] == "bash"
        file = self.folder / "output"
        file.write_text("")
        values = {name: self._value(text, inputs) for name, text in step.get("env", {}).items()}
        environment = {**self.environment, **values, "GITHUB_OUTPUT": str(file)}
        done = subprocess.run(
            [BASH, "-e", "-o", "pipefail", "-c", step["run"]],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.log += done.stdout + done.stderr
        pairs = (line.split("=", 1) for line in file.read_text("utf-8").splitlines())
        self.outputs[step.get("id", step["name"])] = {pair[0]: pair[1] for pair in pairs}
        return done.returncode

    def _value(self, text: str, inputs: dict[str, str]) -> str:
        (name,) = EXPRESSION.findall(text)
        kind, _, rest = name.partition(".")
        return (
            inputs[rest] if kind == "inputs" else self.outputs[rest.split(".")[0]].get(rest.split(".")[2], "")
        )


@pytest.fixture
def runner(
    tmp_path: Path, endpoint: str, forge: tuple[Forge, str], monkeypatch: pytest.MonkeyPatch
) -> Runner:
    lead_to(endpoint, monkeypatch)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12}}))
    names = {
        "GITHUB_ACTION_PATH": str(ACTION),
        "GITHUB_API_URL": forge[1],
        "GITHUB_REPOSITORY": "acme/stacks",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_SHA": "0" * 40,
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "RUNNER_TEMP": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(DEPLOY.parent),
    }
    return Runner(tmp_path, {**os.environ, **names})


def inputs(folder: Path, document: Any, **more: str) -> dict[str, str]:
    (folder / "change.json").write_text(json.dumps(document))
    place = {"account": ACCOUNT, "region": REGION, "install": "false"}
    return {"scan": "s3://audits/nightly", "change": "change.json", **place, **more}


def test_the_first_run_writes_a_comment_and_the_second_updates_it(
    runner: Runner, recorded: Path, forge: tuple[Forge, str], tmp_path: Path
) -> None:
    state, _ = forge
    state.comments += [comment(number, f"talk {number}", "ann") for number in range(1, 121)]
    state.comments[4]["body"] = MARKER  # copied by a person: not ours
    assert runner.run(**inputs(tmp_path, REMOVAL)) == 10, runner.log
    assert len(state.comments) == 121
    body = state.comments[120]["body"]
    assert body.startswith(f"{MARKER}\n")
    assert "resource-in-backup-plan" in body
    assert (tmp_path / "summary.md").read_text("utf-8") == body
    (log,) = state.logs
    assert (log["commit_sha"], log["ref"]) == ("0" * 40, "refs/pull/12/merge")
    results = json.loads(gzip.decompress(base64.b64decode(log["sarif"])))["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == {"resource-in-backup-plan"}
    assert runner.outputs["judge"]["exit-code"] == "10"
    assert state.tokens == {"Bearer secret-token"}

    runner.log = ""
    runner.use(recorded)
    assert runner.run(**inputs(tmp_path, KEPT)) == 0, runner.log
    assert len(state.comments) == 121
    assert state.comments[120]["body"] != body
    assert state.comments[4]["body"] == MARKER
    assert "Updated https://github.example/121" in runner.log


def test_what_cannot_be_judged_replaces_the_comment(
    runner: Runner, recorded: Path, forge: tuple[Forge, str], tmp_path: Path
) -> None:
    state, _ = forge
    path = runner.environment["PATH"]
    runner.use(recorded)
    assert runner.run(**inputs(tmp_path, KEPT)) == 0
    runner.environment["PATH"] = path
    assert runner.run(**inputs(tmp_path, KEPT, change="gone.json")) == 2
    (only,) = state.comments
    assert only["body"].startswith(f"{MARKER}\n### AWS Backup: the changes could not be judged")
    assert len(state.logs) == 1  # that of the first run


def test_inputs_are_never_code(
    runner: Runner, forge: tuple[Forge, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = f'"; touch {tmp_path}/owned; $(touch {tmp_path}/owned) `touch {tmp_path}/owned`'
    words = tmp_path / "words"
    monkeypatch.chdir(tmp_path)
    runner.use(stub(tmp_path, f"printf '%s\\0' \"$@\" >{words}; exit 2"))
    options = {"parameters": "--parameter", "scan": "", "fail-on": "--fail-on"}
    codes = {"scan": 6, "account": 6}  # there is no such scan, and no evidence of such an account
    for name in ("change", "scan", "account", "parameters", "fail-on", "config"):
        assert runner.run(**inputs(tmp_path, KEPT) | {name: hostile}) != 0
        called = words.read_text("utf-8").split("\0")[:-1]
        option = options.get(name, f"--{name}")
        assert called.count(f"{option}={hostile}" if option else hostile) == 1
        assert CliRunner().invoke(audit, called).exit_code == codes.get(name, 2)
    assert runner.run(**inputs(tmp_path, KEPT, name=f"x --> {hostile}")) == 2
    assert not (tmp_path / "owned").exists()
    text = (ACTION / "action.yml").read_text("utf-8")
    steps = yaml.safe_load(text)["runs"]["steps"]
    assert not any(EXPRESSION.search(step["run"]) for step in steps)
    assert not any("uses" in step for step in steps)  # no action of others
    assert forge[0].comments


def test_comments_of_several_uses(
    runner: Runner, recorded: Path, forge: tuple[Forge, str], tmp_path: Path
) -> None:
    runner.use(recorded)
    for name in ("stack a", "stack b", "stack a"):
        assert runner.run(**inputs(tmp_path, KEPT, name=name)) == 0
    firsts = [entry["body"].splitlines()[0] for entry in forge[0].comments]
    assert firsts == ["<!-- vaultproof what-if: stack a -->", "<!-- vaultproof what-if: stack b -->"]


def test_without_code_scanning_there_is_a_warning(
    runner: Runner, recorded: Path, forge: tuple[Forge, str], tmp_path: Path
) -> None:
    runner.use(recorded)
    forge[0].refuses_logs = True
    assert runner.run(**inputs(tmp_path, KEPT)) == 0
    assert "::warning::The findings were not uploaded" in runner.log


def test_a_push_has_no_comment(
    runner: Runner, recorded: Path, forge: tuple[Forge, str], tmp_path: Path
) -> None:
    runner.use(recorded)
    (tmp_path / "event.json").write_text("{}")
    assert runner.run(**inputs(tmp_path, KEPT)) == 0
    assert forge[0].comments == []


def test_partial_answers_fail_the_job_unless_allowed(runner: Runner, tmp_path: Path) -> None:
    unscanned = {"account": "777777777777", "region": REGION, "change": KEPT}
    assert runner.run(**inputs(tmp_path, [KEPT, unscanned])) == 4
    assert "::error::A change could not be judged" in runner.log
    assert runner.run(**inputs(tmp_path, [KEPT, unscanned], **{"allow-partial": "true"})) == 0


def test_the_note_of_gitlab(runner: Runner, forge: tuple[Forge, str], tmp_path: Path) -> None:
    state, address = forge
    state.comments.append(comment(1, MARKER, author=3))
    names = {
        "CI_API_V4_URL": address,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "12",
        "WHAT_IF_TOKEN": "secret-token",
    }
    report = tmp_path / "what-if.md"
    for text in ("first & last", "second"):
        report.write_text(f"{MARKER}\n{text}\n")
        command = [str(DEPLOY / "gitlab/note.sh"), str(report)]
        subprocess.run(command, env={**runner.environment, **names}, check=True, timeout=60)
    assert [entry["body"] for entry in state.comments] == [MARKER, f"{MARKER}\nsecond\n"]
    assert state.tokens == {"secret-token"}
    subprocess.run(
        [str(DEPLOY / "gitlab/note.sh"), str(tmp_path / "gone")],
        env={**runner.environment, **names},
        check=True,
        timeout=60,
    )
    assert "could not be judged" in state.comments[1]["body"]


def test_the_job_of_gitlab_calls_what_is_there() -> None:
    text = (DEPLOY / "gitlab/what-if.gitlab-ci.yml").read_text("utf-8")
    script = " ".join(yaml.safe_load(text)["what-if"]["script"])
    help_text = CliRunner().invoke(audit, ["what-if", "--help"], env={"COLUMNS": "200"}).stdout
    for option in set(re.findall(r"--[a-z-]+", script)) - {"--"}:
        assert option in help_text
    assert (DEPLOY / "gitlab/note.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("script", sorted((*ACTION.glob("*.sh"), *(DEPLOY / "gitlab").glob("*.sh"))), ids=str)
def test_scripts_are_strict_and_valid(script: Path) -> None:
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    subprocess.run([BASH, "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111
