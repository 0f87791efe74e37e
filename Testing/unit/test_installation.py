"""What is installed, what to do about what is not, and how a failed installation is told; nothing is installed here."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from HCCAssistLib.installation import Installation, installed_version

CPU = {"torch": "2.9.0", "gpu": None, "cuda": None}


class Pip:
    """slicer.packaging on a computer whose packages have these versions; it installs the newest."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
        self.versions = {name.replace("_", "-"): version for name, version in versions.items()}
        self.asked: list[dict[str, object]] = []
        self.fails: Exception | None = None

        def version(name: str) -> str:
            if name not in self.versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return self.versions[name]

        monkeypatch.setattr(importlib.metadata, "version", version)

    def load_requirements(self, path: Path) -> list[Requirement]:
        return [Requirement(line) for line in path.read_text().splitlines()]

    def pip_check(self, requirement: str | Requirement) -> bool:
        wanted = Requirement(str(requirement))
        return wanted.name in self.versions and self.versions[wanted.name] in wanted.specifier

    def pip_ensure(self, requirements: list[Requirement], **how: object) -> None:
        self.asked.append(how)
        if self.fails:
            raise self.fails
        self.versions |= {requirement.name: "99.0" for requirement in requirements}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("scikit-learn>=1.4\nsafetensors>=0.4\n")
    return tmp_path / "requirements.txt"


def test_everything_is_here(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(monkeypatch, torch="2.9.0+cu126", scikit_learn="1.7", safetensors="0.6")
    installation = Installation(listed, pip, lambda: pytest.fail("nobody needs the extension"))
    starting = installation.packages(None)
    assert [(p.name, p.wanted, p.ready) for p in starting] == [
        ("PyTorch", "2.4 or newer", True),
        ("scikit-learn", "1.4 or newer", True),
        ("safetensors", "0.4 or newer", True),
    ]
    assert starting[0].found == "2.9.0+cu126 (being started ...)"
    card = {**CPU, "cuda": "12.6", "gpu": "NVIDIA RTX A4000"}
    assert installation.packages(card)[0].found == "2.9.0+cu126, on NVIDIA RTX A4000"
    assert installation.advice(installation.packages(card), card) == "Everything is here."
    none = {**card, "gpu": None}
    assert installation.packages(none)[0].found == "2.9.0+cu126, on the processor"
    assert "No NVIDIA card that works was found" in installation.advice(installation.packages(none), none)
    assert installation.installable(starting) == ()


@pytest.mark.parametrize(
    ("version", "computer", "found", "advice"),
    [
        ("2.1.0", CPU, "2.1.0: too old", "Uninstall it in the module PyTorch Utils"),
        ("2.9.0", {**CPU, "torch": None, "reason": "OSError: fbgemm.dll"}, "2.9.0: does not start", "OSError: fbgemm"),
    ],
)
def test_a_pytorch_that_cannot_be_used_is_not_installed_over(
    listed: Path, monkeypatch: pytest.MonkeyPatch, version: str, computer: dict[str, object], found: str, advice: str
) -> None:
    pip = Pip(monkeypatch, torch=version, safetensors="0.6")
    installation = Installation(listed, pip, lambda: pytest.fail("nobody asks the extension"))
    packages = installation.packages(computer)
    assert (packages[0].found, packages[0].ready, packages[0].missing) == (found, False, False)
    assert advice in installation.advice(packages, computer)
    assert [p.name for p in installation.installable(packages)] == ["scikit-learn"]
    assert installation.set_up(installation.installable(packages)) == {}
    assert pip.versions["torch"] == version


def test_an_old_package_is_brought_up_to_date(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(monkeypatch, torch="2.9.0", scikit_learn="1.2", safetensors="0.6")
    installation = Installation(listed, pip, lambda: None)
    old = installation.packages(CPU)[1]
    assert (old.found, old.ready, old.missing) == ("1.2: does not fit", False, False)
    assert installation.installable(installation.packages(CPU)) == (old,)
    assert installation.set_up((old,)) == {}
    assert pip.asked == [{"requester": "HCCAssist", "skip_packages": ["SimpleITK", "torch"], "prompt_install": False}]


def test_pytorch_comes_by_its_extension_only(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(monkeypatch, scikit_learn="1.7", safetensors="0.6")
    calls = []

    def install(**how: object) -> object:
        calls.append(how)
        pip.versions["torch"] = "2.9.0"
        return object()

    utils = SimpleNamespace(torchInstalled=lambda: False, installTorch=install)
    installation = Installation(listed, pip, lambda: utils)
    missing = installation.installable(installation.packages(None))
    assert [p.name for p in missing] == ["PyTorch"]
    assert "2 to 3 GB" in installation.question(missing)
    assert installation.set_up(missing) == {}
    assert calls == [{"askConfirmation": True, "torchVersionRequirement": ">=2.4"}]
    assert pip.asked == []  # nothing else was missing


def test_a_failure_is_told_in_one_line_and_a_no_is_none(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(monkeypatch)
    pip.fails = RuntimeError("no <network>\nand a long story")
    utils = SimpleNamespace(torchInstalled=lambda: False, installTorch=lambda **_: None)
    installation = Installation(listed, pip, lambda: utils)
    missing = installation.packages(None)
    assert installation.set_up(missing) == {}
    assert pip.asked == []  # who says no to PyTorch is asked for nothing else
    failures = installation.set_up(missing[1:])
    assert failures == dict.fromkeys(["scikit-learn", "safetensors"], "RuntimeError: no <network>")
    page = installation.page(failures)
    assert "no &lt;network&gt;" in page
    assert "torch&gt;=2.4" in page
    gone = Installation(listed, pip, lambda: None).set_up(missing[:1])
    assert gone == {"PyTorch": "the extension PyTorch is not installed"}


def test_versions_are_looked_up_without_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "numpy", None)
    assert installed_version("numpy")
    assert installed_version("no-such-package") is None


def test_what_only_reports_or_clusters_need_is_apart_from_what_is_needed(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = tmp_path / "reports.txt"
    reports.write_text("matplotlib>=3.8\n")
    clusters = tmp_path / "clusters.txt"
    clusters.write_text("paramiko>=3.4\n")
    pip = Pip(monkeypatch, torch="2.9.0", scikit_learn="1.7")
    installation = Installation(listed, pip, lambda: None, {"reports": reports, "clusters": clusters})
    packages = installation.packages(CPU)
    assert [(p.name, p.only_for) for p in packages[1:]] == [
        ("scikit-learn", ""),
        ("safetensors", ""),
        ("matplotlib", "reports"),
        ("paramiko", "clusters"),
    ]
    assert [p.name for p in installation.installable(packages)] == ["safetensors"]
    assert [p.name for p in installation.only_for("reports", packages)] == ["matplotlib"]
    assert "Reports need matplotlib besides" in installation.advice(packages, CPU)
    assert "Clusters need paramiko besides" in installation.advice(packages, CPU)
    assert installation.set_up(installation.only_for("reports", packages)) == {}
    assert "paramiko" not in pip.versions
    assert installation.set_up(installation.only_for("clusters", packages)) == {}
    assert "safetensors" not in pip.versions
    assert installation.set_up(installation.installable(installation.packages(CPU))) == {}
    assert installation.only_for("reports", installation.packages(CPU)) == ()
    assert installation.advice(installation.packages(CPU), CPU) == "Everything is here."
