"""slicer.packaging: what is installed is looked up; as in Slicer's testing mode, nothing is ever installed."""

from __future__ import annotations

import logging
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

REQUESTED: list[str] = []
"""Requirements that would have been installed."""

Requirements = str | Requirement | list[str | Requirement]


def load_requirements(path: str | Path) -> list[Requirement]:
    """Whole lines may be comments or options of pip; a comment behind a requirement is an error, as in Slicer."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(req: Requirements) -> bool:
    return not _missing(req)


def pip_ensure(
    requirements: Requirements,
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> None:
    missing = _missing(requirements)
    REQUESTED.extend(missing)
    if missing:
        logging.info("%s would install %s", requester, ", ".join(missing))


def _missing(requirements: Requirements) -> list[str]:
    """Those that are not installed at a wanted version; a text may name several, with spaces between them."""
    if isinstance(requirements, str):
        requirements = list(requirements.split())
    listed = requirements if isinstance(requirements, list) else [requirements]
    return [str(requirement) for requirement in listed if not _installed(Requirement(str(requirement)))]


def _installed(wanted: Requirement) -> bool:
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return metadata.version(wanted.name) in wanted.specifier
    except metadata.PackageNotFoundError:
        return False
