"""One scene for all tests of a session: slicer-core keeps global state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from HCCAssistLib.scene.rendering import rendering_available, scene_available


@pytest.fixture(scope="session")
def session_host() -> Any:
    problem = scene_available()
    if problem is not None:
        pytest.skip(f"SKIPPED: {problem}")
    from HCCAssistLib.scene.host import off_screen_host

    return off_screen_host()


@pytest.fixture
def host(session_host: Any) -> Iterator[Any]:
    session_host.clear()
    if rendering_available() is None:
        session_host.slice_view("Further")  # Slicer keeps the views of layouts that are left: no test counts on three
    yield session_host
    if "sessions" in sys.modules:  # only where the test used one
        from sessions import OPEN

        while OPEN:
            OPEN.pop().close()
    session_host.clear()


@pytest.fixture
def scene(host: Any) -> Any:
    return host.scene


@pytest.fixture
def rendering_host(host: Any) -> Any:
    problem = rendering_available()
    if problem is not None:
        pytest.skip(f"SKIPPED: {problem}")
    host.slice_view("Red", (512, 512))  # views come before what they show
    host.three_d_view((512, 512))
    return host


@pytest.fixture
def bench(scene: Any, tmp_path: Path) -> Iterator[Any]:
    from export_bench import Bench

    bench = Bench(scene, tmp_path)
    yield bench
    bench.export.close()
