#!/usr/bin/env bash
# Write constraints/airflow-X.Y.txt: one tested set of versions per Airflow line, for every supported Python.
#
#   scripts/compile_constraints.sh                  keep the versions that are there, add what is new
#   scripts/compile_constraints.sh --upgrade        take the newest versions
#
# Anything else is handed to `uv pip compile` too, e.g. `--upgrade-package requests`.
set -euo pipefail
cd "$(dirname "$0")/.."

groups=(--group test --group bench --group ui --group distributed --group docs --group dev)
for airflow in 3.1 3.2 3.3; do
  requirements=("apache-airflow==$airflow.*" uv) # uv, because the Makefile installs with it
  case $airflow in
    # Its API server does not start with newer ones, and with a newer svcs dag.test() ends without its services.
    3.2) requirements+=("cadwyn<8" "fastapi<0.137" "svcs<26") ;;
  esac
  printf '%s\n' "${requirements[@]}" |
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.10 --all-extras "${groups[@]}" \
      --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
      --output-file "constraints/airflow-$airflow.txt" "$@" pyproject.toml - >/dev/null
  echo "constraints/airflow-$airflow.txt: $(wc -l <"constraints/airflow-$airflow.txt") versions"
done
