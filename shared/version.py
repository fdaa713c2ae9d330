"""The version of this Serin, known also where it is not installed as a package; a test compares pyproject.toml."""

VERSION = "0.1.0"
