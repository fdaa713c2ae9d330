"""The embedded Kubernetes API: its pure parts, and what only it has. What it shares with the real one is in tests/contract."""
