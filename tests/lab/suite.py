"""A lab's tests as a program: --build FOLDER [TEST…]."""

from __future__ import annotations

import argparse
import sys
import unittest
from collections.abc import Sequence
from pathlib import Path

from lab_requirements import skip_unless_possible


def parser_of(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with the programs")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="names of tests; none: all")
    return parser


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Ends the program where no lab is possible."""
    skip_unless_possible()
    return plain_arguments(parser)


def plain_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """For tests that need no lab."""
    given = parser.parse_args()
    given.build = given.build.resolve()
    return given


def skipped(reason: str) -> int:
    """The exit code of a test that cannot be run here."""
    print(f"SKIPPED: {reason}")
    return 77


def run(case: type[unittest.TestCase], tests: Sequence[str]) -> int:
    names = [f"{case.__name__}.{test}" for test in tests] or [case.__name__]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, sys.modules[case.__module__])
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1
