"""What HCCAssist needs and Slicer does not ship: what is there, what is missing, and how it gets there.

Nothing is installed unless a person says so. Packages come by ``slicer.packaging``, PyTorch by the PyTorch extension.
"""

from __future__ import annotations

import html
import importlib
import importlib.metadata
import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

TORCH = "torch>=2.4"
SKIPPED = ("SimpleITK", "torch")
"""Never installed or changed by pip from here: Slicer ships the one, the PyTorch extension the other."""

SIZES = {
    "PyTorch": "about 200 MB; 2 to 3 GB with an NVIDIA card",
    "scikit-learn": "about 10 MB",
    "safetensors": "less than 1 MB",
    "Pillow": "about 7 MB",
    "Jinja2": "less than 1 MB",
    "matplotlib": "about 10 MB",
    "statsmodels": "about 30 MB, with pandas",
    "paramiko": "about 7 MB, with cryptography",
}
"""What a person must expect to download."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is needed.

    Attributes:
        name: for a person.
        wanted: the versions that will do.
        found: what is there.
        ready: whether it can be used.
        missing: whether nothing of it is there.
        only_for: what alone needs it, such as ``reports``; empty where all does.
    """

    name: str
    wanted: str
    found: str
    ready: bool
    missing: bool
    only_for: str = ""


class Installation:
    """The packages that HCCAssist needs in this Slicer.

    Args:
        requirements: file with the packages other than PyTorch.
        packaging: the module ``slicer.packaging``.
        torch_utils: gives the logic of the PyTorch extension, None where that is not installed.
        extras: files with the packages that only something needs, by what that is.
    """

    def __init__(
        self,
        requirements: Path,
        packaging: Any,
        torch_utils: Callable[[], Any | None],
        extras: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        self._requirements = requirements
        self._extras_of = dict(extras)
        self._packaging = packaging
        self._torch_utils = torch_utils

    def packages(self, computer: Mapping[str, Any] | None) -> tuple[Package, ...]:
        """What is there and what is missing: PyTorch first, what only something needs last.

        Args:
            computer: what PyTorch said when it was started (``HCCAssistLib.jobs.tasks.computer``); None before.
        """
        needed = map(self._package, self._listed())
        extras = (replace(self._package(one), only_for=what) for what, one in self._extras())
        return self._torch(computer), *needed, *extras

    def needs_extension(self, packages: Sequence[Package]) -> bool:
        """Whether PyTorch is missing, and so is the extension that installs it."""
        return packages[0].missing and self._torch_utils() is None

    def installable(self, packages: Sequence[Package]) -> tuple[Package, ...]:
        """Those that ``set_up`` can install: PyTorch that is there and does not work must be uninstalled first."""
        torch, *others = packages
        found = [package for package in others if not (package.ready or package.only_for)]
        return (torch, *found) if torch.missing and not self.needs_extension(packages) else tuple(found)

    def only_for(self, what: str, packages: Sequence[Package]) -> tuple[Package, ...]:
        """Those that only reports, or only clusters, need and that are not there."""
        return tuple(package for package in packages if package.only_for == what and not package.ready)

    def advice(self, packages: Sequence[Package], computer: Mapping[str, Any] | None) -> str:
        """How things are and what to do, for a person."""
        torch = packages[0]
        parts = []
        if self.needs_extension(packages):
            parts.append(
                "PyTorch is installed by the extension PyTorch, which is missing: open the Extensions Manager, search "
                "for PyTorch, install it, restart Slicer, and open this module again."
            )
        elif not torch.ready and not torch.missing:
            reason = (computer or {}).get("reason")
            parts.append(
                "This PyTorch cannot be used" + (f" ({reason})" if reason else "") + ". Uninstall it in the module "
                "PyTorch Utils, restart Slicer, and press Set up here."
            )
        missing = self.installable(packages)
        if missing:
            names = ", ".join(package.name for package in missing)
            parts.append(f"Press Set up to install {names}. It asks before it downloads anything.")
        elif not parts:
            no_card = computer is not None and computer.get("cuda") and not computer.get("gpu")
            parts.append("Everything is here." + (" No NVIDIA card that works was found." if no_card else ""))
        parts.extend(
            f"{what.capitalize()} need {extras} besides; nothing else does."
            for what in self._extras_of
            if (extras := ", ".join(package.name for package in self.only_for(what, packages)))
        )
        return "\n".join(parts)

    def question(self, missing: Sequence[Package]) -> str:
        """What will be downloaded, from where, and how much it is."""
        lines = "\n".join(f"  \N{BULLET} {package.name} {package.wanted}: {SIZES[package.name]}" for package in missing)
        return (
            f"These packages will be downloaded and installed into this Slicer:\n\n{lines}\n\nThey come from the "
            "public servers of Python's packages. Nothing about you or your images is sent. It takes some minutes, in "
            "which Slicer waits."
        )

    def set_up(self, missing: Sequence[Package]) -> dict[str, str]:
        """Install packages, after the person agreed to ``question``.

        Returns:
            What failed, with the reason. A person who says no to the PyTorch extension's own question is no failure.
        """
        failures: dict[str, str] = {}
        if any(package.name == "PyTorch" for package in missing):
            try:
                utils = self._torch_utils()
                if utils is None:
                    failures["PyTorch"] = "the extension PyTorch is not installed"
                elif not utils.torchInstalled():
                    version = TORCH.removeprefix("torch")
                    if utils.installTorch(askConfirmation=True, torchVersionRequirement=version) is None:
                        return {}
            except Exception as error:  # an installation fails in any way
                failures["PyTorch"] = _reason(error)
        others = [package for package in missing if package.name != "PyTorch"]
        try:
            if others:
                self._packaging.pip_ensure(
                    [
                        one
                        for one in (*self._listed(), *(one for _, one in self._extras()))
                        if one.name in {p.name for p in others}
                    ],
                    requester="HCCAssist",
                    skip_packages=list(SKIPPED),
                    prompt_install=False,  # the person has just agreed to this very list
                )
        except Exception as error:
            failures |= {package.name: _reason(error) for package in others}
        importlib.invalidate_caches()
        for package in self.packages(None):
            if package.name in {p.name for p in missing} - set(failures) and not package.ready:
                failures[package.name] = "no error was reported, but it is not there"
        return failures

    def page(self, failures: Mapping[str, str]) -> str:
        """What failed, what works without it, and what to ask an IT department for: a page of HTML."""
        needed = [TORCH, "torchvision", *map(str, self._listed())]
        quoted = html.escape(" ".join(f'"{name}"' for name in needed))
        system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        reasons = "".join(f"<li><b>{html.escape(n)}</b>: {html.escape(r)}</li>" for n, r in failures.items())
        listed = "".join(f"<li>{html.escape(name)}</li>" for name in needed)
        return (
            f"<h3>The set-up did not finish</h3><ul>{reasons}</ul>"
            "<p>Most often the computer does not reach the internet, or only through a proxy. The log of Slicer has "
            "the details (Help, Report a Bug). When that is solved, press <b>Set up</b> again.</p>"
            "<h4>What works without it</h4><p>Installing, verifying and reading about models, the phases of scans, the "
            "sample case, and the review of results that were saved before. Searching a scan and training need it.</p>"
            f"<h4>What to ask your IT department for</h4><p>These packages in Slicer's own Python ({system}):</p>"
            f"<ul>{listed}</ul><p>Either let Slicer reach the Python Package Index with its file server and "
            "PyTorch's download server, or bring the packages in a folder. On a computer with internet access, the "
            "same operating system and "
            f"the same Slicer:</p><p><code>PythonSlicer -m pip download --dest wheels {quoted}</code></p>"
            f"<p>Copy the folder <i>wheels</i> to this computer, and there:</p>"
            f"<p><code>PythonSlicer -m pip install --no-index --find-links wheels {quoted}</code></p>"
            "<p>PythonSlicer lies in Slicer's folder <i>bin</i>. Then press <b>Check again</b>.</p>"
        )

    def _listed(self) -> list[Any]:
        return list(self._packaging.load_requirements(self._requirements))

    def _extras(self) -> list[tuple[str, Any]]:
        """Requirements with what alone needs them."""
        load = self._packaging.load_requirements
        return [(what, one) for what, path in self._extras_of.items() for one in load(path)]

    def _package(self, requirement: Any) -> Package:
        version, ready = installed_version(requirement.name), bool(self._packaging.pip_check(requirement))
        found = "missing" if version is None else version if ready else f"{version}: does not fit"
        return Package(requirement.name, _versions(str(requirement.specifier)), found, ready, version is None)

    def _torch(self, computer: Mapping[str, Any] | None) -> Package:
        version, ready = installed_version("torch"), False
        if version is None:
            found = "missing"
        elif not self._packaging.pip_check(TORCH):
            found = f"{version}: too old"
        elif computer is None:
            found, ready = f"{version} (being started ...)", True
        elif computer["torch"] is None:
            found = f"{version}: does not start"
        else:
            found, ready = f"{version}, on {computer['gpu'] or 'the processor'}", True
        return Package("PyTorch", _versions(TORCH.removeprefix("torch")), found, ready, version is None)


def installed_version(name: str) -> str | None:
    """The version of an installed package, None where it is missing; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _versions(specifier: str) -> str:
    """``2.4 or newer`` for ``>=2.4``."""
    return f"{specifier[2:]} or newer" if specifier.startswith(">=") and "," not in specifier else specifier


def _reason(error: Exception) -> str:
    """Why an installation failed, in one line; the whole story goes to the log."""
    _log.error("an installation failed", exc_info=error)
    status = getattr(error, "returncode", None)
    if status is not None:
        return f"pip could not install it (exit status {status})"
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
