"""Bundles and scans that are made to harm: each ends with one sentence and 6, in little memory and time."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.findings.schema import FILED
from tests.fakes.bundles import ACCOUNT, BundleBuilder, volume_arn
from tests.fakes.filed import name_files

MEMORY = 1_500 << 20
"""Address space of a command, in bytes: libraries alone take half of it."""

SECONDS = 100
EVIDENCE = f"evidence/{ACCOUNT}/eu-west-1.jsonl.gz"
LINE = b'{"service":"backup","operation":"X","parameters":{},"response":{}}\n'
LARGE = LINE.replace(b"{}}", b'{"Name":"' + b"0" * (1 << 20) + b'"}}')


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "scan"
    bundle = BundleBuilder(folder)
    bundle.shard().settings().vault("main").volume("vol-1")
    bundle.write()
    plain = folder / EVIDENCE.removesuffix(".gz")
    (folder / EVIDENCE).write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    name_evidence(folder, (folder / EVIDENCE).read_bytes())
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ("jsonl",))
    return folder


@pytest.fixture
def scan(judged: Path, tmp_path: Path) -> Path:
    return copytree(judged, tmp_path / "scan")


Words = list[str | Path]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that may not take more than MEMORY and SECONDS."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))"
    code = f"{limit}; import sys; sys.argv[0] = 'audit'; from scanner.cli.commands import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    )


@pytest.fixture
def no_hang() -> Iterator[None]:
    """Raise TimeoutError in a command that waits."""

    def stop(*_: object) -> None:
        raise TimeoutError

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def refused(done: "subprocess.CompletedProcess[str]", words: str) -> None:
    assert done.returncode == 6, (done.stdout, done.stderr)
    assert len([line for line in done.stderr.splitlines() if not line.startswith("note: ")]) == 1, done.stderr
    assert words in done.stderr


def zeros(content: bytes, size: int) -> bytes:
    """Compress repeated content, which deflate shrinks to a thousandth."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(content * (1 << 16)) for _ in range(size // (len(content) << 16))]
    return b"".join((*pieces, packer.flush()))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zeros": (lambda: zeros(b"\0", 256 << 20), "a line has more than"),
    "blank lines": (lambda: zeros(b"\n", 64 << 20), "blank lines"),
    "equal lines": (lambda: gzip.compress(LARGE * 160), "unpacks to more than 200 times its size"),
    "a line of 1 GB": (
        lambda: gzip.compress(b'{"a":"' + os.urandom(1 << 19).hex().encode() * 64 + b'"}', 1),
        "a line has more",
    ),
    "a million members": (
        lambda: gzip.compress(b"", mtime=0) * 1_000_000 + gzip.compress(b"{"),
        "is not JSON",
    ),
    "deep": (lambda: gzip.compress(b'{"response":' + b"[" * 100_000), "is not JSON"),
    "cut off": (lambda: gzip.compress(LINE * 100)[:-9], "truncated or damaged"),
}


def name_evidence(scan: Path, content: bytes) -> None:
    """Exchange an evidence file, and state its SHA-256 in the manifest, as whoever made the bundle would."""
    (scan / EVIDENCE).write_bytes(content)
    manifest = json.loads((scan / "manifest.json").read_bytes())
    digest = sha256(content).hexdigest()
    for record in manifest.get("shards", ()):
        if str(record.get("file", "")).startswith(EVIDENCE[:-3]):
            record.update(file=EVIDENCE, sha256=digest)
    manifest.setdefault("files", {})[EVIDENCE] = digest
    (scan / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("bomb", BOMBS)
def test_evidence_that_unpacks_to_too_much_is_refused(scan: Path, bomb: str) -> None:
    make, words = BOMBS[bomb]
    name_evidence(scan, make())
    refused(run("evaluate", scan, "--controls", "vault-locked", "--force"), words)


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


KINDS: dict[str, Callable[[Path], None]] = {
    "symbolic link": link,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "FIFO": os.mkfifo,
    "socket": listening,
    "folder": Path.mkdir,
}
READERS: dict[str, tuple[str, Callable[[Path], Words]]] = {
    "manifest": ("manifest.json", lambda scan: ["report", scan, "--format", "csv"]),
    "manifest of a bundle": ("manifest.json", lambda scan: ["evaluate", scan, "--force"]),
    "evidence": (EVIDENCE, lambda scan: ["evaluate", scan, "--force", "--controls", "vault-locked"]),
    "findings": (f"findings/{ACCOUNT}.parquet", lambda scan: ["report", scan, "--format", "csv"]),
    "lines": ("findings.jsonl.gz", lambda scan: ["report", scan, "--format", "csv"]),
    "facts": (f"facts/resource/{ACCOUNT}.parquet", lambda scan: ["query", scan, "FROM resource"]),
    "inventory": ("inventory/vaults.parquet", lambda scan: ["query", scan, "FROM vaults"]),
    "summary": ("summary.json", lambda scan: ["diff", scan, scan]),
    "checksums": ("reports.sha256", lambda scan: ["report", scan, "--format", "csv"]),
    "explained": ("summary.json", lambda scan: ["explain", scan, volume_arn("vol-1")]),
    "journal": ("journal.jsonl", lambda scan: ["run", "--resume", scan]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.usefixtures("no_hang")
def test_only_regular_files_are_read(scan: Path, reader: str, kind: str) -> None:
    name, command = READERS[reader]
    (scan / name).unlink(missing_ok=True)
    KINDS[kind](scan / name)
    done = CliRunner().invoke(audit, list(map(str, command(scan))))
    assert done.exit_code == 6, (done.output, done.exception)
    assert "root:" not in done.output


@pytest.mark.parametrize("name", ["evidence", "facts", "findings", "inventory"])
def test_a_folder_of_a_scan_is_not_a_link(scan: Path, name: str) -> None:
    (scan / name).rename(scan.with_name("elsewhere"))
    (scan / name).symlink_to(scan.with_name("elsewhere"))
    command: Words = (
        ["evaluate", scan, "--force"] if name == "evidence" else ["report", scan, "--format", "csv"]
    )
    done = CliRunner().invoke(audit, list(map(str, command)))
    assert done.exit_code == 6, (done.output, done.exception)
    assert "neither a regular file nor a folder" in done.stderr


def wide(path: Path) -> None:
    """Write one finding twenty million times: it takes some kilobytes."""
    table = pq.read_table(path).slice(0, 1)
    many = pa.concat_tables([table] * 1_000).combine_chunks()
    with pq.ParquetWriter(path, FILED, compression="zstd", store_schema=False) as writer:
        for _ in range(20):
            writer.write_table(pa.concat_tables([many] * 1_000))


def large(path: Path) -> None:
    """Write one finding with a text of a quarter of a gigabyte."""
    row = pq.read_table(path).to_pylist()[0] | {"reason": "0" * (256 << 20)}
    table = pa.Table.from_pylist([row], FILED)
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)


@pytest.mark.parametrize(
    ("write", "words"), [(wide, "contain 20,000,000 findings"), (large, "which no table of a scan has")]
)
def test_columns_that_unpack_to_too_much_are_refused(
    scan: Path, write: Callable[[Path], None], words: str
) -> None:
    name = f"findings/{ACCOUNT}.parquet"
    write(scan / name)
    manifest = json.loads((scan / "manifest.json").read_bytes())
    manifest["files"][name] = sha256((scan / name).read_bytes()).hexdigest()
    name_files(scan, manifest)
    commands: list[Words] = [
        ["report", scan, "--format", "csv"],
        ["diff", scan, scan],
        ["query", scan, "FROM findings"],
    ]
    for command in commands:
        refused(run(*command), words)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "é" * 100, "..", "a b", b"\xff\xfe"])
def test_hard_names_of_evidence_are_refused_or_read(scan: Path, name: str | bytes) -> None:
    folder = os.fsencode(scan / "evidence") + b"/"
    target = folder + (name if isinstance(name, bytes) else name.encode())
    if name != "..":
        Path(os.fsdecode(target)).mkdir()
        Path(os.fsdecode(target + b"/eu-west-1.jsonl")).write_bytes(b"{")
    done = CliRunner().invoke(audit, ["evaluate", str(scan), "--force", "--controls", "vault-locked"])
    assert done.exit_code in {0, 6}, (done.output, done.exception)
    assert "\x1b" not in done.stderr
