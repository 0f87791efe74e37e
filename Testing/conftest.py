"""For all tests: one thread each, since small tensors gain nothing from more and waiting threads cost much.

Heavy files come first: one that is begun last leaves the other workers idle.
"""

import os

import pytest

for _name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the heavy tests first, in the order they have otherwise."""
    items.sort(key=lambda item: item.get_closest_marker("heavy") is None)
