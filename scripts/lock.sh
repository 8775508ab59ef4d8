#!/usr/bin/env bash
# Pins what pyproject.toml asks for, with hashes and without naming a package host.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv-uv/bin/uv)
options=(--generate-hashes --universal --python-version 3.11 --no-annotate --no-header
  --no-emit-index-url --no-emit-find-links --quiet "$@")
"$uv" pip compile pyproject.toml "${options[@]}" --output-file requirements.lock
"$uv" pip compile pyproject.toml --extra production --constraint requirements.lock "${options[@]}" \
  --output-file requirements-production.lock
"$uv" pip compile pyproject.toml --extra production --group dev --constraint requirements-production.lock \
  "${options[@]}" --output-file requirements-dev.lock
