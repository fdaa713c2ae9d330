"""The metrics: Prometheus' text format, computed from the rollouts alone, so that every instance gives one answer."""
