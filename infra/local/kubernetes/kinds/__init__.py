"""What the API server knows about each kind: its defaults, its checks, and what a write may change.

One module a family of kinds; each ends in `Kind` values, which `resources` puts under their paths. The rules follow
pkg/apis/*/v1/defaults.go, pkg/apis/*/validation and pkg/registry/*/strategy.go of Kubernetes 1.35, as far as Serin and
its users can meet them.
"""
