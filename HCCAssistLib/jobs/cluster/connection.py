"""One SSH connection to a cluster, kept: commands and files go through it, and it is made again where it was lost.

A command is a list of arguments and quoted as one; nothing else reaches the shell of the cluster.
"""

from __future__ import annotations

import logging
import shlex
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.jobs.cluster.authentication import authenticate
from HCCAssistLib.jobs.cluster.host_keys import HostKeys
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.prompts import Prompts
from HCCAssistLib.jobs.cluster.target import Target, way_to

CONNECT_SECONDS = 15.0
COMMAND_SECONDS = 60.0
ANSWER_SECONDS = 180.0
"""For the person to find the code of a second factor."""
KEEPALIVE_SECONDS = 30

T = TypeVar("T")


class ConnectionLost(HCCAssistError):
    """The cluster cannot be reached at the moment; what runs there goes on without this computer."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that has ended on the cluster."""

    status: int
    out: str
    err: str


class Connection:
    """The connection of one profile; made at its first use. Several threads may use it, one at a time.

    >>> from HCCAssistLib.jobs.cluster.prompts import ConsolePrompts
    >>> connection = Connection(Profile(host="login.example.org"), ConsolePrompts())
    >>> connection.run(["squeue", "--version"]).out  # doctest: +SKIP
    'slurm-wlm 22.05.8\\n'
    >>> connection.close()

    Args:
        profile: of the cluster.
        prompts: asked about an unknown host and for passwords, in the thread that connects or one of its own.
    """

    def __init__(self, profile: Profile, prompts: Prompts) -> None:
        self.profile = profile
        self._prompts = prompts
        self._lock = threading.RLock()
        self._transports: list[Any] = []  # of the hosts on the way, the cluster's last
        self._sftp: Any = None
        self._home = ""
        self._was_connected = False
        self.connected_times = 0

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def user(self) -> str:
        """Name on the cluster."""
        return str(self._transport().get_username())

    @property
    def home(self) -> str:
        """The home folder on the cluster."""
        if not self._home:
            self._home = str(self.with_sftp(lambda sftp: sftp.normalize(".")))
        return self._home

    def connect(self) -> None:
        """Make the connection, if it is not there.

        Raises:
            InputError: a host that there is not, or a profile that cannot be right.
            HCCAssistError: the host is another one than it was, or does not let the person in.
            ConnectionLost: it cannot be reached.
            Cancelled: the person gave up.
        """
        self._transport()

    def run(
        self, command: Sequence[str], data: bytes = b"", *, again: bool = True, seconds: float = COMMAND_SECONDS
    ) -> Completed:
        """Run a command on the cluster.

        Args:
            command: and its arguments; each arrives as it is.
            data: for its standard input.
            again: whether to run it once more where the connection was lost.
            seconds: after which it is given up.

        Raises:
            ConnectionLost: there is no answer.
        """
        line = shlex.join(command)

        def once() -> Completed:
            channel = self._transport().open_session(timeout=CONNECT_SECONDS)
            with channel:
                channel.settimeout(seconds)
                channel.exec_command(line)
                if data:
                    channel.sendall(data)
                channel.shutdown_write()
                errors: list[bytes] = []
                reader = threading.Thread(target=_read_all, args=(channel.recv_stderr, errors), daemon=True)
                reader.start()
                out: list[bytes] = []
                _read_all(channel.recv, out)
                reader.join(seconds)
                if not channel.status_event.wait(seconds) or channel.exit_status < 0:
                    raise EOFError
                return Completed(channel.exit_status, _text(out), _text(errors))

        return self._again(once) if again else self._once(once)

    def with_sftp(self, work: Callable[[Any], T]) -> T:
        """Do something with files by paramiko's SFTPClient; once more where the connection was lost.

        Raises:
            OSError: of the file or folder.
            ConnectionLost: there is no answer.
        """

        def once() -> T:
            with self._lock:
                transport = self._transport()
                if self._sftp is None:
                    self._sftp = transport.open_sftp_client()
                    self._sftp.get_channel().settimeout(COMMAND_SECONDS)
                return work(self._sftp)

        return self._again(once)

    def close(self) -> None:
        """End the connection; it is made anew at the next use."""
        with self._lock:
            self._sftp = None
            for transport in reversed(self._transports):
                with suppress(Exception):  # what is lost cannot be closed
                    transport.close()
            self._transports = []

    def _again(self, work: Callable[[], T]) -> T:
        before = self._was_connected
        try:
            return self._once(work)
        except ConnectionLost:
            if not before:
                raise
            return self._once(work)

    def _once(self, work: Callable[[], T]) -> T:
        from paramiko import SSHException

        try:
            return work()
        except (TimeoutError, EOFError, SSHException, ConnectionError) as error:
            self.close()
            raise ConnectionLost(self._lost(error)) from error
        except OSError as error:
            if str(error) == "Socket is closed":
                self.close()
                raise ConnectionLost(self._lost(error)) from error
            raise

    def _lost(self, error: BaseException) -> str:
        reason = str(error) or type(error).__name__
        if "Garbage packet" in reason:
            return (
                f"{self.profile.host} sends text instead of files: a start file of its shell, such as ~/.bashrc, "
                "prints something. Let it do so in a terminal alone."
            )
        return (
            f"the connection to {self.profile.host} was lost ({reason}). "
            "What runs there goes on, and nothing is lost; try again later."
        )

    def _transport(self) -> Any:
        with self._lock:
            if not self._transports or not all(one.is_active() for one in self._transports):
                self.close()
                self._connect()
            return self._transports[-1]

    def _connect(self) -> None:
        try:
            import paramiko
        except ImportError as error:
            raise InputError("paramiko is not installed", remedy="run: pip install paramiko") from error
        logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it would write tracebacks to stderr
        hosts = way_to(self.profile)
        host = hosts[0]
        try:
            for host in hosts:
                self._add(host)
        except (Cancelled, InputError) as error:
            self.close()
            if self._was_connected:
                raise HCCAssistError(
                    f"the connection to {self.profile.host} has to be made again, and the cluster asks for the second "
                    "factor or password anew. What runs there goes on, and nothing is lost; connect again when you "
                    "have it at hand."
                ) from error
            raise
        except HCCAssistError:
            self.close()
            raise
        except socket.gaierror as error:
            self.close()
            if self._was_connected:  # the name has not gone, the network has
                raise ConnectionLost(self._lost(error)) from error
            raise InputError(
                f"there is no host of this name: {host.host}", "host", "check the profile and the network"
            ) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            reason = str(error) or "it did not answer"
            raise ConnectionLost(
                f"{host.host} cannot be reached at port {host.port}: {reason}. Check the network (is a VPN "
                "needed?), host and port in the profile."
            ) from error
        self._was_connected = True
        self.connected_times += 1

    def _add(self, target: Target) -> None:
        """Connect to the next host of the way."""
        import paramiko

        sock: Any
        if self._transports:
            place = (target.host, target.port)
            sock = self._transports[-1].open_channel("direct-tcpip", place, ("", 0), timeout=CONNECT_SECONDS)
        elif target.proxy_command:
            sock = paramiko.ProxyCommand(target.proxy_command)  # of the person's own ~/.ssh/config
        else:
            sock = socket.create_connection((target.host, target.port), CONNECT_SECONDS)
        transport = paramiko.Transport(sock)
        self._transports.append(transport)
        transport.banner_timeout = transport.handshake_timeout = CONNECT_SECONDS
        transport.auth_timeout = ANSWER_SECONDS
        keys = HostKeys(target.known_hosts, target.own_known_hosts)
        options = transport.get_security_options()
        known = [kind for kind in options.key_types if _plain(kind) in keys.known(target.known_as)]
        options.key_types = [*known, *(kind for kind in options.key_types if kind not in known)]
        transport.start_client(timeout=CONNECT_SECONDS)
        keys.check(target.known_as, transport.get_remote_server_key(), self._prompts)
        authenticate(transport, target, self._prompts)
        transport.set_keepalive(KEEPALIVE_SECONDS)


def _plain(kind: str) -> str:
    """The name of a key's kind in a file of known hosts, for how it signs: ``rsa-sha2-512`` is by an ``ssh-rsa``."""
    return "ssh-rsa" if kind.startswith("rsa-sha2") else kind


def _read_all(receive: Callable[[int], bytes], into: list[bytes]) -> None:
    with suppress(TimeoutError):  # the wait for the status says so
        while part := receive(1 << 16):
            into.append(part)


def _text(parts: list[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "replace")
