"""One desk for all tests of a session; a fault that nobody expected fails the test that caused it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from HCCAssistLib.scene.rendering import rendering_available

INSTALL_QT = (
    'pip install "PySide6-Essentials>=6.7"; '
    "apt-get install -y libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 libgl1 libx11-6"
)


@pytest.fixture(scope="session")
def session_desk() -> Any:
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as error:
        pytest.skip(f"SKIPPED: the desk needs Qt ({error}): {INSTALL_QT}")
    problem = rendering_available()
    if problem is not None:
        pytest.skip(f"SKIPPED: {problem}")
    from slicer_desk.desktop import start

    return start()


@pytest.fixture
def desk(session_desk: Any) -> Iterator[Any]:
    from slicer_desk import faults

    session_desk.tidy()
    faults.take()
    yield session_desk
    session_desk.tidy()
    found = faults.take()
    if found:
        pytest.fail("faults in slots, observers or Slicer:\n" + "\n".join(found))


@pytest.fixture
def expected_faults(desk: Any) -> Any:
    """Takes the faults so far, which the test then looks at."""
    from slicer_desk import faults

    return faults.take
