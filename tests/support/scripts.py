"""Scripts of the repository as modules, for tests of what they do."""

import importlib.util
import sys
from types import ModuleType

from places import ROOT


def script(path: str) -> ModuleType:
    """The script at a path from the root. It finds those beside it, as when it is run."""
    location = ROOT / path
    spec = importlib.util.spec_from_file_location(f"script_{location.stem}", location)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # which dataclasses look into
    sys.path.insert(0, str(location.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(location.parent))
    return module
