"""Whom MetricTemplates can ask: one small file for each kind of metrics store, all listed in :mod:`.catalog`."""
