#!/bin/sh
# Pins every dependency of pyproject.toml with its hashes. Usage: lock.sh path/to/uv
set -eu
compile() {
    output=$1
    shift
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "make lock" "$@" pyproject.toml -o "$output"
}
UV=$1
compile requirements.txt
compile requirements-demo.txt --extra demo
compile requirements-dev.txt --extra demo --extra dev
