#!/bin/sh
# Finds a Python 3.11 and lets it make or refresh the environment in .venv (see environment.py).
set -u
cd "$(dirname "$0")/.." || exit 1

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_311() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1
}

if [ -n "${CHURN_PYTHON:-}" ]; then
    command -v "$CHURN_PYTHON" >/dev/null 2>&1 ||
        fail "CHURN_PYTHON is '$CHURN_PYTHON', which is no command here. Set it to a Python 3.11, or unset it."
    is_311 "$CHURN_PYTHON" ||
        fail "CHURN_PYTHON is '$CHURN_PYTHON' ($("$CHURN_PYTHON" --version 2>&1 | head -n 1))," \
            "but training needs Python 3.11, the last one that PyCaret runs on."
    python=$CHURN_PYTHON
else
    python=
    for candidate in .venv/bin/python python3.11 python3 python; do
        if is_311 "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] ||
        fail "Python 3.11 was not found (python3 is $(python3 --version 2>/dev/null || echo missing))." \
            "Install it, or name one: CHURN_PYTHON=/path/to/python3.11 make ..."
fi

exec "$python" scripts/environment.py
