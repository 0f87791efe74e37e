"""slicer.packaging: what is installed is looked up; pip runs as in Slicer, by ``slicer.util.executePythonModule``.

In testing mode nothing is installed, as in Slicer; what would have been is in ``REQUESTED``.
"""

from __future__ import annotations

import importlib
import logging
from importlib import metadata
from pathlib import Path

import slicer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUESTED: list[str] = []
"""Requirements that would have been installed."""


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(req: str | Requirement | list[str | Requirement]) -> bool:
    if isinstance(req, list):
        return all(pip_check(one) for one in req)
    wanted = Requirement(str(req))
    try:
        return metadata.version(wanted.name) in wanted.specifier
    except metadata.PackageNotFoundError:
        return False


def pip_ensure(
    requirements: str | Requirement | list[str | Requirement],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    listed = requirements if isinstance(requirements, list) else [requirements]
    missing = [Requirement(str(requirement)) for requirement in listed if not pip_check(requirement)]
    if not missing:
        return None
    if skip_in_testing and slicer.app.testingEnabled():
        REQUESTED.extend(str(requirement) for requirement in missing)
        logging.info("%s would install %s", requester, ", ".join(map(str, missing)))
        return None
    if prompt_install:
        text = f"{len(missing)} Python package(s) need to be installed. Continue?"
        detailed = "\n".join(f"- {requirement}" for requirement in missing)
        if not slicer.util.confirmOkCancelDisplay(text, f"{requester}", detailedText=detailed):
            raise RuntimeError("User declined package installation")
    skipped = [canonicalize_name(name) for name in skip_packages or []]
    for requirement in missing:
        if canonicalize_name(requirement.name) not in skipped:
            slicer.util.executePythonModule("pip", ["install", str(requirement), "--no-deps"])
    importlib.invalidate_caches()
    return [str(requirement) for requirement in missing if canonicalize_name(requirement.name) in skipped]


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
) -> None:
    listed = requirements.split() if isinstance(requirements, str) else requirements
    slicer.util.executePythonModule("pip", ["install", *listed])
