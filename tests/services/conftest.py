"""The fake AWS that collection is tested with."""

from tests.collect.conftest import aws, caller_of, scan

__all__ = ["aws", "caller_of", "scan"]
