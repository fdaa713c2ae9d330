"""Makes the Grafana dashboards of ``charts/grafana``: both sides of a canary are drawn by one description."""
