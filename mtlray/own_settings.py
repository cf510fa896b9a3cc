"""Settings of matplotlib: ours alone, whatever a person's matplotlibrc says, so that a figure looks the same everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def own_settings(parameters: dict[str, Any]) -> Iterator[None]:
    """Draw with matplotlib's own defaults and `parameters`; a person's settings are back afterwards."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, parameters))  # its stubs list the keys of one version
        yield
