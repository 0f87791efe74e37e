"""HCC Study used as a radiologist does on the first day, on the desk: what its tests share."""

from __future__ import annotations

import pytest
from studying import MODULE, model_package, rest


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return model_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The sample case, made once."""
    from HCCAssistLib.phantoms.ltp.sample import make_sample

    folder = tmp_path_factory.mktemp("samples")
    make_sample(folder)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees what the person who runs it has installed; a PyTorch that starts at once saves a minute."""
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HCCASSIST_SAMPLES", str(tmp_path / "samples"))
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "torch.py").write_text(
        "import types\n__version__ = '2.13.0'\nversion = types.SimpleNamespace(cuda=None)\n"
        "cuda = types.SimpleNamespace(is_available=lambda: False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "quick"))
    return tmp_path


@pytest.fixture
def panel(desk):
    """The open panel, at rest."""
    widget = desk.open(MODULE)
    rest(desk, widget)
    yield widget
