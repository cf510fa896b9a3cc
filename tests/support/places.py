"""Where things lie in the repository, for tests in any folder."""

from pathlib import Path

SUPPORT = Path(__file__).parent
TESTS = SUPPORT.parent
ROOT = TESTS.parent
ASSETS = TESTS / "assets"
GOLDEN = TESTS / "golden"
SMALL = SUPPORT / "sweep_small.py"
