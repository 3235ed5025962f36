"""The version of the package, in its only home."""

__version__ = "0.1.0"
