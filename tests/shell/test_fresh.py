"""`scripts/fresh.sh` and `scripts/image.sh` on machines where no bare installation can be made."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mode", ["smoke", "full"])
@pytest.mark.parametrize(("missing", "reason"), [("id", "only root"), ("unshare", "allows no namespaces")])
def test_it_says_in_one_line_why_it_cannot_run(tmp_path: Path, mode: str, missing: str, reason: str) -> None:
    for name, answer in {
        "id": "echo 0",
        "apt-get": ":",
        "debootstrap": "exit 9",
        "unshare": "exit 0",
    }.items():
        program = tmp_path / name
        program.write_text("#!/bin/sh\n" + ("exit 1" if name == missing else answer), encoding="utf-8")
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    result = subprocess.run(
        ["/bin/sh", "scripts/fresh.sh", mode],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    smoke = mode == "smoke"
    assert result.returncode == (0 if smoke else 2)
    assert result.stderr.startswith("fresh: left out: " if smoke else "fresh: ")
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize(
    ("user", "reason"), [("1000", "only root"), ("0", "debootstrap could not be installed")]
)
def test_it_says_in_one_line_why_no_image_can_be_built(
    tmp_path: Path, user: str, reason: str, *, optional: bool
) -> None:
    for name, answer in {"id": f"echo {user}", "apt-get": "exit 100"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        program.chmod(0o755)
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    result = subprocess.run(
        ["/bin/sh", "scripts/image.sh", *(["optional"] if optional else [])],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == (0 if optional else 2)
    assert result.stderr.startswith("image: left out: " if optional else "image: ")
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
