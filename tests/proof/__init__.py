"""What Serin promises, tried hard: ``make proof`` runs every section, prints its tables and fails when one is broken.

A section is a module with ``measure() -> Section``. A smaller piece of each runs in ``make test``, by the same code.
"""
