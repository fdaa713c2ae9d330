"""Entry points, one file a function: parse the request, call ``shared``, shape the answer. No logic."""
