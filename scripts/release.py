"""Everything that a release publishes, from a clean checkout.

    python scripts/release.py --tag v0.1.0 --out dist

`packages/` gets wheels and source distributions of the three distributions, `sbom/` a software bill of
materials for what each of them is installed with, `notes.md` the section of the changelog.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = ("", "churn_serve", "churn_client")
# Pins by what they are for; training is not shipped.
SBOMS = {"churn-serve": "serve", "churn-client": "client"}


class ReleaseError(Exception):
    """There is nothing to release, or it contradicts itself."""


def main(arguments: list[str]) -> int:
    """Write it all; 1 where the tag is not what the repository says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--tag", required=True, help="as v0.1.0")
    parser.add_argument("--out", type=Path, default=Path("dist"))
    options = parser.parse_args(arguments)
    try:
        version = check(options.tag)
        notes = changes(version)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    (options.out / "packages").mkdir(parents=True, exist_ok=True)
    (options.out / "sbom").mkdir(exist_ok=True)
    (options.out / "notes.md").write_text(notes, encoding="utf-8")
    for project in PROJECTS:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(options.out / "packages")]
        subprocess.run([*command, str(ROOT / project)], check=True)
    for name, pins in SBOMS.items():
        bill(ROOT / "requirements" / f"{pins}.txt", options.out / "sbom" / f"{name}-{version}.cdx.json")
    return 0


def check(tag: str, root: Path = ROOT) -> str:
    """The version that a tag names, if all three distributions have it.

    Raises:
        ReleaseError: One has another.
    """
    for project in PROJECTS:
        declared = tomllib.loads((root / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if f"v{declared['version']}" != tag:
            raise ReleaseError(
                f"the tag is {tag}, but {declared['name']} is of version {declared['version']}"
            )
    return tag.removeprefix("v")


def changes(version: str, root: Path = ROOT) -> str:
    """The section of the changelog.

    Raises:
        ReleaseError: There is none, or it still says that it is unreleased.
    """
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)}([^\n]*)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found or not found[2].strip():
        raise ReleaseError(f"CHANGELOG.md has no section for {version}")
    if "unreleased" in found[1]:
        raise ReleaseError(f"CHANGELOG.md says that {version} is unreleased: give it its date")
    return found[2].strip() + "\n"


def bill(pins: Path, target: Path) -> None:
    """Write the bill of materials of a file of pins, in CycloneDX."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(pins), "--output-reproducible"]
    subprocess.run([*command, "--of", "JSON", "--output-file", str(target)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
