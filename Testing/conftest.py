"""For all tests: one thread each, since small tensors gain nothing from more and waiting threads cost much.

Scenes without views come first, since every view that a process has once made slows them; then the other scenes, the
desk, and the rest with its heavy files before the light ones: one that is begun last leaves the other workers idle.
"""

import os
from pathlib import Path

import pytest

for _name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.fixture(scope="session", autouse=True)
def _nothing_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes what the person at this computer captured."""
    for kind in ("patients", "scans"):
        os.environ[f"HCCASSIST_{kind.upper()}"] = str(tmp_path_factory.mktemp(kind))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files into the order above, each whole."""
    drawn = {item.path for item in items if "rendering_host" in item.fixturenames}
    rooms = {"scene": 0, "desk": 2}

    def order(item: pytest.Item) -> int:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        later = item.path in drawn if room == "scene" else item.get_closest_marker("heavy") is None
        return rooms.get(room, 4) + later

    items.sort(key=order)
