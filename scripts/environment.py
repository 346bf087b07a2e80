"""Makes or refreshes the environment in `.venv`, and does nothing when it is up to date.

Standard library only: it runs before anything is installed. `setup.sh` finds the Python that runs it.
What was installed is written to `.venv/.ready`; while work is under way `.venv/.unfinished` lies there,
and whatever carries that mark is thrown away and made again.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
READY = VENV / ".ready"
UNFINISHED = VENV / ".unfinished"
PINS = ROOT / "requirements" / "train-3.11.txt"

IS_311 = "import sys; sys.exit(sys.version_info[:2] != (3, 11))"

# pip's options and the variables by which uv takes the same. uv reads no pip.conf.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


@dataclass(frozen=True)
class State:
    """What an environment was made from."""

    root: str
    python: str
    pins: str
    project: str

    @classmethod
    def wanted(cls) -> State:
        return cls(str(ROOT), base_python(), _digest(PINS), _digest(ROOT / "pyproject.toml"))

    @classmethod
    def found(cls) -> State | None:
        """The state of the finished environment, if there is one."""
        try:
            return cls(**json.loads(READY.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def base_python() -> str:
    """The interpreter itself, also when this runs inside the environment that it made."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def say(text: str) -> None:
    """Tell the person what is going on."""
    print(f"setup: {text}", flush=True)


def make_environment() -> None:
    """Start from nothing."""
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{base_python()} cannot make environments: its `venv` module is incomplete. "
            "On Debian and Ubuntu install the package python3.11-venv."
        )
    say(f"making .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    UNFINISHED.touch()
    if not _runs([base_python(), "-m", "venv", str(VENV)]):
        raise SetupError(f"{base_python()} could not make an environment in {VENV}; its words are above.")


def install_pins() -> None:
    """Install every pinned package, by uv where it can be had, else by pip."""
    count = sum(1 for line in PINS.read_text().splitlines() if line and not line.startswith("#"))
    say(f"installing {count} pinned packages; this can take some minutes the first time")
    if not _install("-r", str(PINS)):
        raise SetupError(
            "the packages could not be installed. Check the network connection (or the index that pip is "
            "configured with) and run the same command again; what was downloaded is kept."
        )


def install_project() -> None:
    """Install this project itself, editable, without asking any index."""
    say("installing this project into .venv")
    for stale in ROOT.glob("*.egg-info"):  # of an earlier build: it would hide plugins that came since
        shutil.rmtree(stale)
    if not _install("--no-build-isolation", "--editable", str(ROOT)):
        raise SetupError("this project could not be installed; what went wrong is printed above.")


def _install(*what: str) -> bool:
    pip = [str(PYTHON), "-m", "pip"]
    options = ["--no-deps", *([] if sys.stdout.isatty() else ["--quiet"])]
    env = {} if os.access(Path.home(), os.W_OK) else {"UV_NO_CACHE": "1"}
    env |= {"PIP_RETRIES": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | os.environ
    uv = VENV / "bin" / "uv"
    if uv.exists() or _runs([*pip, "install", "-qqq", "--constraint", str(PINS), "uv"], env):
        command = [str(uv), "pip", "install", "--python", str(PYTHON), *options, *what]
        if _runs(command, env | uv_settings(_pip_options(pip))):
            return True
        say("uv could not do it; trying pip, which takes longer")
    return _runs([*pip, "install", *options, *what], env)


def _pip_options(pip: list[str]) -> dict[str, str]:
    """What pip is configured with, by option name; the environment wins over files."""
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in {"global", "install", ":env:"} and value:
            found[option] = str(ast.literal_eval(value))
    return found


def uv_settings(
    pip_options: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Pip's settings in uv's words, as far as uv was not told its own."""
    settings = {
        UV_NAMES[option]: (",".join if option == "find-links" else " ".join)(value.split())
        for option, value in pip_options.items()
        if option in UV_NAMES
    }
    if "extra-index-url" in pip_options:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # what pip does with several indexes
    return {name: value for name, value in settings.items() if name not in environment}


def _runs(command: list[str], env: Mapping[str, str] | None = None) -> bool:
    try:
        return subprocess.run(command, env=env, check=False, stdin=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def refresh() -> None:
    """Do what is missing, and only that."""
    wanted, found = State.wanted(), State.found()
    if found == wanted and PYTHON.exists():
        return
    started = time.monotonic()
    moved = found is not None and (found.root, found.python) != (wanted.root, wanted.python)
    if moved or UNFINISHED.exists() or not _runs([str(PYTHON), "-c", IS_311]):
        make_environment()
        found = None
    UNFINISHED.touch()
    READY.unlink(missing_ok=True)
    if found is None or found.pins != wanted.pins:
        install_pins()
    install_project()
    READY.write_text(json.dumps(asdict(wanted), indent=1) + "\n")
    UNFINISHED.unlink()
    say(f"done in {time.monotonic() - started:.0f} s")


def main() -> int:
    """Refresh the environment; one process at a time."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            refresh()
        except SetupError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(
                "\nerror: set-up was interrupted; run the same command again to finish it.", file=sys.stderr
            )
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
