#!/bin/sh
# Lints every chart, packs it, and makes a Helm repository of all: a folder to be served by any web server.
# Usage, from the root of the project: charts.sh path/to/helm folder
set -eu
HELM=$1
FOLDER=$2
rm -rf "$FOLDER"
mkdir -p "$FOLDER"
for chart in charts/*/Chart.yaml; do
    "$HELM" lint --strict --quiet "${chart%/*}"
    "$HELM" package "${chart%/*}" --destination "$FOLDER"
done
"$HELM" repo index "$FOLDER"
