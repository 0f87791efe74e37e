"""Host keys: a known one passes, an unknown one is a question, a changed or revoked one is refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.files import stored
from HCCAssistLib.jobs.cluster.prompts import Prompts, UnknownHost


def fingerprint(blob: bytes) -> str:
    """Of a public key, as ``ssh-keygen -l`` writes it.

    >>> fingerprint(b"key")
    'SHA256:LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM'
    """
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class HostKeys:
    """The known keys of several files.

    Args:
        files: in the format of ``known_hosts``; those that are not there are passed over.
        own: the one that a confirmed key is added to; it is read, too.
    """

    def __init__(self, files: Sequence[Path], own: Path) -> None:
        self._own = own
        self._files = [path for path in (*files, own) if path.is_file()]
        self._known: list[tuple[str, str, bytes]] = []  # names, kind and key of each line
        self._revoked: list[bytes] = []
        for path in self._files:
            self._read(path)

    def _read(self, path: Path) -> None:
        """Take the lines that are keys; paramiko's own reader ends at the first one that is not."""
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            marker, *fields = line.split() if line.startswith("@") else ("", *line.split())
            if len(fields) < 3 or fields[0].startswith("#"):
                continue
            with suppress(ValueError):
                blob = base64.b64decode(fields[2], validate=True)
                if marker == "@revoked":
                    self._revoked.append(blob)
                elif not marker:
                    self._known.append((fields[0], fields[1], blob))

    def known(self, host: str) -> dict[str, list[bytes]]:
        """The known keys of a host by their kind, such as ``ssh-ed25519``; login nodes of one name may have several."""
        found: dict[str, list[bytes]] = {}
        for names, kind, blob in self._known:
            if _names(names, host):
                found.setdefault(kind, []).append(blob)
        return found

    def check(self, host: str, key: Any, prompts: Prompts) -> None:
        """Let the key of a host pass, or not.

        Args:
            host: its name, as ``[name]:port`` where the port is not 22.
            key: of paramiko, that the host has just proved to have.
            prompts: asked about an unknown host.

        Raises:
            HCCAssistError: the key is another one than it was, or revoked.
            Cancelled: the person did not confirm it.
        """
        kind, blob = key.get_name(), key.asbytes()
        if blob in self._revoked:
            raise HCCAssistError(f"the key of {host} is marked as revoked, so nothing was sent to it.")
        known = self.known(host)
        if blob in known.get(kind, ()):
            return
        if known:
            raise HCCAssistError(
                f"the key of {host} is not the one that is known, so nothing was sent to it: this can be another "
                f"computer in between. Its fingerprint is now {fingerprint(blob)}. Ask your computing centre whether "
                f"it has changed; if it has, run ssh-keygen -R '{host}' -f on each of "
                f"{', '.join(path.name for path in self._files)}, and connect again."
            )
        if not prompts.confirm_host(UnknownHost(host, kind, fingerprint(blob))):
            raise Cancelled(f"the host {host} was not confirmed, so nothing was sent to it.")
        with stored("the key of the host"):
            self._own.parent.mkdir(parents=True, exist_ok=True)
            with self._own.open("a", encoding="ascii") as file:
                file.write(f"{host} {kind} {key.get_base64()}\n")


def _names(names: str, host: str) -> bool:
    """Whether a line of known hosts is about a host: by name, or by the hash of its name."""
    from paramiko import HostKeys as Hashed

    for name in names.split(","):
        if name == host:
            return True
        if name.startswith("|1|"):
            with suppress(Exception):  # a hash that is none
                if Hashed.hash_host(host, name) == name:
                    return True
    return False
