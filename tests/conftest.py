"""Tests that need a tool skip or fail by the rules of tests/tools.py."""

from tests.tools import pytest_runtest_setup as pytest_runtest_setup
from tests.tools import pytest_sessionstart as pytest_sessionstart
