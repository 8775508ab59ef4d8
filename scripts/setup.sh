#!/usr/bin/env bash
# Makes .venv from the lock files, once: nothing happens while neither they nor the project's metadata change.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.installed
wanted=$(cat requirements-dev.lock pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: Python 3.11 or newer is needed, $("$python" --version) was found; name another one with PYTHON=..." >&2
  exit 2
}

# uv comes from the package index when it is not there, into a folder of its own.
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  tools=.venv-uv
  if [ ! -x "$tools/bin/uv" ]; then
    echo "setup: fetching uv from the package index"
    if "$python" -m pip --version >/dev/null 2>&1; then
      "$python" -m pip install --quiet --disable-pip-version-check --ignore-installed --prefix "$PWD/$tools" uv
    elif "$python" -m venv "$tools" >/dev/null 2>&1; then
      "$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
    else
      rm -rf "$tools"
      echo "setup: this Python has neither venv nor pip; install them first: apt-get install python3-venv" >&2
      exit 2
    fi
  fi
  uv=$tools/bin/uv
fi

# Compiled once, as each process would do it again where it may not write beside the packages.
echo "setup: installing the locked packages into .venv (once)"
"$uv" venv --quiet --allow-existing --python "$python" .venv
"$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements-dev.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
echo "$wanted" > "$stamp"
