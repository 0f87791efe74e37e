"""Where a connection leads, and by which keys: the profile, completed from ``~/.ssh/config``."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.cluster.profile import Profile, profiles_folder
from HCCAssistLib.jobs.cluster.ssh_config import included_lines

DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
EVERYBODYS_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class Target:
    """One host of the way.

    Attributes:
        host, port, user: where the connection leads.
        keys: files of private keys that are tried, in this order.
        agent: whether the keys of an agent are tried.
        known_as: name in a file of known hosts, ``[name]:port`` where the port is not 22.
        known_hosts: such files.
        jumps: hosts to go through first, as ``user@host:port``.
        proxy_command: of ``~/.ssh/config``, that reaches the host; empty where there is none.
    """

    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    agent: bool
    known_as: str
    known_hosts: tuple[Path, ...]
    jumps: tuple[str, ...]
    proxy_command: str

    @property
    def own_known_hosts(self) -> Path:
        """The file that confirmed keys are added to."""
        return profiles_folder() / "known_hosts"


def way_to(profile: Profile) -> tuple[Target, ...]:
    """The hosts on the way to that of a profile, and itself at the end.

    As with OpenSSH the first host to go through may lie behind others by its own lines in ``~/.ssh/config``; those
    after it are reached from the one before.

    Raises:
        InputError: ``~/.ssh/config`` cannot be read, or leads in a circle.
    """
    target = target_of(profile)
    way = [*(jump_target(jump, profile) for jump in target.jumps), target]
    seen = {target.known_as}
    while way[0] is not target and way[0].jumps:
        if way[0].known_as in seen:
            raise InputError(f"the way to {target.host} leads through {way[0].host} again", "ProxyJump")
        seen.add(way[0].known_as)
        way[:0] = [jump_target(jump, profile) for jump in way[0].jumps]
    return tuple(way)


def target_of(profile: Profile) -> Target:
    """The host of a profile.

    Raises:
        InputError: ``~/.ssh/config`` cannot be read.
    """
    return _target(
        profile.host,
        user=profile.user,
        port=profile.port,
        use_config=profile.ssh_config,
        keys=(Path(profile.key).expanduser(),) if profile.key else (),
        known_hosts=(Path(profile.known_hosts).expanduser(),) if profile.known_hosts else (),
        jumps=tuple(filter(None, profile.jump.split(","))),
    )


def jump_target(text: str, profile: Profile) -> Target:
    """A host on the way, such as ``ada@gate.example.org:2222``; its own lines in ``~/.ssh/config`` count, too."""
    user, _, place = text.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdigit():
        host, port = place, "0"
    return _target(
        host,
        user=user,
        port=int(port),
        use_config=profile.ssh_config,
        keys=(Path(profile.key).expanduser(),) if profile.key else (),
        known_hosts=(Path(profile.known_hosts).expanduser(),) if profile.known_hosts else (),
        jumps=(),
    )


def _target(
    name: str,
    *,
    user: str,
    port: int,
    use_config: bool,
    keys: tuple[Path, ...],
    known_hosts: tuple[Path, ...],
    jumps: tuple[str, ...],
) -> Target:
    ssh = Path.home() / ".ssh"
    found = _lookup(ssh / "config", name) if use_config else {}
    host = found.get("hostname", name)
    number = port or int(found.get("port", 22))
    alias = found.get("hostkeyalias", "")
    files = found.get("userknownhostsfile", "").split() or [str(ssh / "known_hosts")]
    own = keys or tuple(Path(path).expanduser() for path in found.get("identityfile", ()))
    jump = found.get("proxyjump", "")
    return Target(
        host=host,
        port=number,
        user=user or found.get("user", "") or getpass.getuser(),
        keys=own or tuple(path for key in DEFAULT_KEYS if (path := ssh / key).is_file()),
        agent=not keys and found.get("identitiesonly", "no").lower() != "yes",
        known_as=alias or (host if number == 22 else f"[{host}]:{number}"),
        known_hosts=(*known_hosts, *(Path(path).expanduser() for path in files), EVERYBODYS_KNOWN_HOSTS),
        jumps=jumps or (() if jump.lower() in ("", "none") else tuple(one.strip() for one in jump.split(","))),
        proxy_command="" if jumps or jump else found.get("proxycommand", "").removeprefix("none"),
    )


def _lookup(path: Path, name: str) -> dict[str, Any]:
    """What ``~/.ssh/config`` says of a host; nothing where there is no such file."""
    from paramiko import SSHConfig

    if not path.is_file():
        return {}
    try:
        return dict(SSHConfig.from_text("\n".join(included_lines(path, path.parent))).lookup(name))
    except InputError:
        raise
    except Exception as error:  # paramiko raises what it likes for a line that it does not know
        raise InputError(
            f"it cannot be read ({type(error).__name__}: {error})", "~/.ssh/config", 'mend it, or "ssh_config": false'
        ) from error
