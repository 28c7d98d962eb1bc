"""The tests with each Python that the program supports: `make matrix`. Missing versions are skipped."""

import nox

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@nox.session(python=VERSIONS)
def tests(session: nox.Session) -> None:
    """Install the locked dependencies and the program, and run the tests that are not slow."""
    session.install("--require-hashes", "-r", "requirements.lock")
    session.install("--no-deps", "--editable", ".")
    chosen = session.posargs or ["-q", "-m", "not slow and not exhaustive and not image"]
    session.run("python", "-m", "pytest", *chosen)
