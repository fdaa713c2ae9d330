"""The embedded Kubernetes API: its pure parts, and what only it has. The rest is in tests/contract."""
