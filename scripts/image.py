"""Builds what a serving image holds, into a folder: pinned packages, our own, one model, and nothing else.

    python scripts/image.py --bundle build/model --out build/image

The Dockerfile runs exactly this; without Docker it makes the same tree for the Python that runs it. The tree
is pruned of what serving never needs, compiled, measured, and has to answer one real event in a bare
interpreter that sees nothing else. Standard library only; pip takes its settings from where it always does.
Equal inputs give equal bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "serve.txt"
CHECK = ROOT / "scripts" / "image_check.py"
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "churn_core", "churn_serve")
MANIFEST, VERSION = "manifest.json", "version.txt"
LIMIT_MB = 165.0

# ONNX Runtime declares the first three for its tools, which are pruned; inference imports none of them.
# AnyIO declares idna, to look up the names of hosts that it connects to; the service connects to none.
UNUSED = frozenset({"flatbuffers", "packaging", "protobuf", "idna"})
# What the extra `server` brings; Lambda has a runtime of its own.
SERVER = frozenset({"click", "h11", "httptools", "uvicorn"})

# What serving never opens, as patterns below the tree.
PRUNED = (
    "bin",
    "**/tests",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.h",
    "**/*.c",
    "**/*.a",
    "**/_*_tests.*.so",
    # How a package was installed. METADATA and entry points stay: plugins are found by them; so do licences.
    *(f"*.dist-info/{name}" for name in ("RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json")),
    *(f"churn_core/{name}" for name in ("cli", "testing", "train")),
    *(
        f"numpy/{name}"
        for name in ("_core/_simd.*", "_pyinstaller", "conftest.py", "distutils", "f2py", "testing")
    ),
    "numpy/random/_examples",
    *(f"onnxruntime/{name}" for name in ("backend", "datasets", "quantization", "tools", "transformers")),
    "pydantic/v1",
    # The library for C programs, 35 MB: the Python module holds all of it a second time.
    "onnxruntime/capi/libonnxruntime.so*",
)


class ImageError(Exception):
    """The tree cannot be built as asked; the message says why."""


def build(
    bundle: Path,
    out: Path,
    *,
    server: bool = False,
    model_digest: str | None = None,
    limit_mb: float = LIMIT_MB,
) -> dict[str, Any]:
    """Build the tree.

    Args:
        bundle: The folder of the model.
        out: A folder that is empty or does not exist.
        server: With uvicorn, for any container platform; else for AWS Lambda alone.
        model_digest: Of the model that is expected; None for any.

    Returns:
        What was built: sizes in bytes by package, versions, digests, and what a real event was answered.

    Raises:
        ImageError: A step failed, the tree does not answer, or it is larger than the limit.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ImageError(f"{out} is in the way: give a folder that is empty or does not exist")
    manifest = read_manifest(bundle)
    if model_digest not in (None, manifest["digest"]):
        raise ImageError(f"the bundle's digest is {manifest['digest']}, not {model_digest!r}")
    install(out, UNUSED if server else UNUSED | SERVER)
    prune(out)
    (out / "model").mkdir()
    for name in (MANIFEST, *(file["name"] for file in manifest["files"])):
        shutil.copy(bundle / name, out / "model")
    if (bundle / VERSION).exists():
        shutil.copy(bundle / VERSION, out / "model")
    compile_all(out)
    settle(out)
    checked = check(out)
    sizes, known = measure(out), versions(out)
    refuse_large(sizes, limit_mb)
    return {
        "python": sys.version.split()[0],
        "bytes": sum(sizes.values()),
        "packages": {name: {"version": known.get(name, ""), "bytes": size} for name, size in sizes.items()},
        "digest": digest(out),
        **checked,
    }


def read_manifest(bundle: Path) -> dict[str, Any]:
    """What the bundle says of itself; it is verified later, by the code that serves it."""
    try:
        return json.loads((bundle / MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise ImageError(f"{bundle} is not a bundle: it has no readable {MANIFEST}") from None


def install(out: Path, without: frozenset[str]) -> None:
    """Install the pinned packages, some excepted, and ours from a clean copy of their sources."""
    pins = [line for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    needed = [line for line in pins if line.partition("==")[0] not in without]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "serve.txt"
        requirements.write_text("\n".join(needed))
        for name in SOURCES:
            _copy(ROOT / name, Path(folder) / name)
        options = ("--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--target", str(out))
        _pip("install", *options, "--requirement", str(requirements), folder, f"{folder}/churn_serve")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    else:
        shutil.copy(source, target)


def _pip(*arguments: str) -> None:
    env = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"} | os.environ
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], env=env, check=False)
    if done.returncode:
        raise ImageError("pip could not install the packages; its words are above")


def prune(out: Path) -> None:
    """Remove what serving never opens."""
    for pattern in PRUNED:
        for path in list(out.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def compile_all(out: Path) -> None:
    """Compile every module.

    A function cannot write `__pycache__`: without compiled files each cold start would compile anew. Nothing
    changes in an image, so Python is told not to compare them with their sources.
    """
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    env = os.environ | {"PYTHONHASHSEED": "0"}  # sets are written in an order that depends on it
    if subprocess.run([*command, "-s", str(out), str(out)], env=env, check=False).returncode:
        raise ImageError("a module does not compile; its name is above")


def settle(out: Path) -> None:
    """Give all files the same modes and times, whoever built them: readable by any user, as Lambda asks."""
    for path in (out, *out.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


def check(out: Path) -> dict[str, Any]:
    """Let the tree answer real events in an interpreter that sees nothing but the tree."""
    command = [sys.executable, "-I", "-S", "-B", str(CHECK), str(out)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ImageError(f"the tree does not answer: {reason[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def files(out: Path) -> Iterator[Path]:
    """All files of the tree, in the order of their names."""
    return (path for path in sorted(out.rglob("*")) if path.is_file())


def measure(out: Path) -> dict[str, int]:
    """Bytes by package, the largest first."""
    sizes: Counter[str] = Counter()
    for path in files(out):
        sizes[_owner(path.relative_to(out).parts[0])] += path.stat().st_size
    return dict(sizes.most_common())


def refuse_large(sizes: dict[str, int], limit_mb: float) -> None:
    """Raise an `ImageError` where packages are larger than the limit together."""
    total = sum(sizes.values()) / 1e6
    if total > limit_mb:
        largest = ", ".join(list(sizes)[:3])
        raise ImageError(
            f"the tree has {total:.1f} MB, more than the limit of {limit_mb:g} MB; the largest: {largest}"
        )


def _owner(top: str) -> str:
    return re.sub(r"(-[^-]+\.dist-info|\.libs|\.py)$", "", top)


def versions(out: Path) -> dict[str, str]:
    """The versions of the distributions in the tree, by name."""
    return dict(folder.name.removesuffix(".dist-info").split("-") for folder in out.glob("*.dist-info"))


def digest(out: Path) -> str:
    """One SHA-256 over the names and contents of all files."""
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out)}\n" for path in files(out)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def table(report: dict[str, Any], limit_mb: float) -> str:
    """What takes the room, for people."""
    rows = [(name, part["version"], part["bytes"] / 1e6) for name, part in report["packages"].items()]
    lines = [f"{name:18} {version:12} {size:7.2f} MB" for name, version, size in rows]
    total = f"{report['bytes'] / 1e6:.1f} MB of {limit_mb:g} MB, Python {report['python']}"
    model = f"model {report['model']['name']}, {report['model']['digest']}"
    return "\n".join([*lines, total, model, f"tree {report['digest']}"])


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    words = argparse.ArgumentParser(description="Build what a serving image holds, into a folder.")
    words.add_argument("--bundle", type=Path, required=True, help="the folder of the model")
    words.add_argument("--out", type=Path, required=True, help="a folder that is empty or does not exist")
    words.add_argument("--server", action="store_true", help="with uvicorn; else for AWS Lambda alone")
    words.add_argument("--model-digest", help="refuse any other model")
    words.add_argument("--limit-mb", type=float, default=LIMIT_MB, help="default: %(default)s")
    words.add_argument("--json", type=Path, metavar="FILE", help="write the report here, too")
    return words


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, print a table, and write the report where it is wanted."""
    given = parser().parse_args(arguments)
    try:
        report = build(
            given.bundle,
            given.out,
            server=given.server,
            model_digest=given.model_digest,
            limit_mb=given.limit_mb,
        )
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(report, given.limit_mb))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
