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


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of installed models with one that finds bright blobs, made without training."""
    import ltp_reading  # noqa: F401 - finds ltp_blob
    from ltp_blob import blob_model

    folder = tmp_path_factory.mktemp("store")
    blob_model(folder)
    return folder


@pytest.fixture(scope="session")
def found(store: Any) -> Any:
    """What that model finds in the blobs: three candidates."""
    from ltp_blob import blob_image, straight_grid

    from HCCAssistLib.inference.loaded_model import load_model
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.ltp.prediction import predict

    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    result = predict(study, load_model(read_package(store / "blobs")), {"stride": "fast"})
    assert len(result.candidates) == 3
    return result


def seated(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """While somebody with these models sits at the desk, known as a reader."""
    import slicer
    from ltp_reading import READER

    monkeypatch.setenv("HCCASSIST_MODELS", str(store))
    slicer.app.settings().setValue(READER, "R1")
    yield store
    slicer.app.settings().clear()


@pytest.fixture
def models(desk: Any, store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The models of whoever sits at the desk, whose name as a reader is known from an earlier day."""
    yield from seated(store, monkeypatch)


@pytest.fixture
def small_view(desk: Any) -> Iterator[None]:
    """One small slice view: it is drawn five times as fast as four."""
    import slicer

    desk.layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    size = desk.window.size
    desk.window.resize(720, 320)
    desk.process_events()
    yield
    desk.window.resize(size)


@pytest.fixture
def at_once(models: Any, found: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker that has a result ready; opens the panel."""
    from ltp_reading import MODULE, AtOnce

    from HCCAssistLib.jobs import local

    def opened(desk: Any, result: Any = found, path: Any = MODULE) -> Any:
        monkeypatch.setattr(local, "LocalExecutor", lambda **_: AtOnce(result))
        return desk.open(path)

    return opened


@pytest.fixture
def panel(desk: Any, at_once: Any) -> Any:
    """Loads the blobs, opens the panel and detects; the module's widget."""
    from ltp_reading import detect, load_blobs

    def opened(*result: Any, **volume: Any) -> Any:
        load_blobs(**volume)
        widget = at_once(desk, *result)
        detect(desk, widget.ui)
        return widget

    return opened


@pytest.fixture(scope="session")
def mass_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of installed models with a small untrained one of two sessions for liver masses."""
    import mass_reading  # noqa: F401 - finds mass_toy
    from mass_toy import model

    from HCCAssistLib.models.store import ModelStore

    folder = tmp_path_factory.mktemp("masses")
    ModelStore(folder / "store").install(model(folder, members=2).package.folder)
    return folder / "store"


@pytest.fixture
def own_model(desk: Any, mass_store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """That model alone is installed for whoever sits at the desk."""
    yield from seated(mass_store, monkeypatch)


@pytest.fixture(scope="session")
def tace_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of installed models with a small untrained one for the response to TACE."""
    import tace_reading  # noqa: F401 - finds tace_toy
    from tace_toy import model

    from HCCAssistLib.models.store import ModelStore

    folder = tmp_path_factory.mktemp("tace")
    ModelStore(folder / "store").install(model(folder, members=2, body="small").package.folder)
    return folder / "store"


@pytest.fixture
def own_tace_model(desk: Any, tace_store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """That model alone is installed for whoever sits at the desk."""
    yield from seated(tace_store, monkeypatch)


@pytest.fixture(scope="session")
def recurrence_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of installed models with a small untrained one for the recurrence risk, with curves."""
    from risk_reading import risk_store

    return risk_store(tmp_path_factory.mktemp("risk"))


@pytest.fixture
def own_risk_model(desk: Any, recurrence_store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """That model alone is installed for whoever sits at the desk."""
    yield from seated(recurrence_store, monkeypatch)


@pytest.fixture
def made_up_risks(desk: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The method after ablation is registered and has a model; the executors, which make its results up."""
    import made_up_risk

    from HCCAssistLib.jobs import local

    made_up_risk.register(monkeypatch)
    made: list[Any] = []
    monkeypatch.setattr(local, "LocalExecutor", lambda **_: made.append(made_up_risk.RiskReady()) or made[-1])
    for _store in seated(made_up_risk.ablation_store(tmp_path), monkeypatch):
        yield made
