"""A Slurm of one computer, for a trial and for tests: two nodes, an SSH server, all on loopback, in one folder.

    sudo python Testing/slurm/private_cluster.py FOLDER

starts munged, slurmctld, two slurmd and sshd with ports, keys and configuration of their own, writes
``FOLDER/profile.json``, and ends them when Ctrl-C is pressed. Nothing outside of the folder is read or changed, but for
the empty ``/run/sshd`` that sshd asks for. It needs root and the packages slurm-wlm, munge and openssh-server.

All that it starts stays below this one process (it is their subreaper, so also what a slurmd leaves behind), and
exactly that is ended: no process is looked for by its name.

A test starts it by ``PrivateCluster`` and can kill and start each daemon by itself.
"""

from __future__ import annotations

import ctypes
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from cluster_files import NODES, write_files

PROGRAMS = ("munged", "slurmctld", "slurmd", "sshd", "sbatch", "ssh-keygen")
START_SECONDS = 30.0
PASSWORD = "only for this folder"  # noqa: S105  of a server on loopback
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36


def unavailable() -> str:
    """Why a private cluster cannot be started here; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a private Slurm needs Linux and root"
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(lacking)} (packages slurm-wlm, munge, openssh-server)" if lacking else ""


class Daemons:
    """Starts the daemons below this process, and ends everything below it.

    Args:
        folder: empty or not there.
        slurmd_timeout: seconds after which a node that does not answer is down, and its jobs run elsewhere.
    """

    def __init__(self, folder: Path, slurmd_timeout: int = 30) -> None:
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder = folder.absolute()
        self.ports = dict(zip(("slurmctld", *NODES, "sshd", "password", "factor"), _free_ports(6), strict=True))
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]),
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        write_files(self.folder, self.ports, PASSWORD, slurmd_timeout)

    def command(self, name: str) -> list[str]:
        """How a daemon is started."""
        folder = self.folder
        if name == "munged":
            files = {"key-file": "munge.key", "socket": "run/munge.sock", "pid-file": "run/munged.pid"}
            files |= {"log-file": "log/munged.log", "seed-file": "run/munge.seed"}
            return ["munged", "--foreground", "--force", *(f"--{what}={folder / file}" for what, file in files.items())]
        if name == "slurmctld":
            return ["slurmctld", "-D"]
        if name.startswith("slurmd."):
            return ["slurmd", "-D", "-N", name.removeprefix("slurmd.")]
        sshd = shutil.which("sshd", path=self.environment["PATH"]) or "sshd"
        plain = [sshd, "-D", "-f", str(folder / "ssh" / f"{name}.conf"), "-E", str(folder / "log" / f"{name}.log")]
        if name == "sshd":
            return plain
        own = 'mount --bind "$0" /etc/pam.d && exec "$@"'  # in a view of the files that only this sshd has
        return ["unshare", "--mount", "sh", "-c", own, str(folder / "pam" / "pam.d"), *plain]

    def start(self, name: str) -> int:
        """Start a daemon; its process id."""
        Path("/run/sshd").mkdir(exist_ok=True)
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.command(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                preexec_fn=_end_with_parent,
            )
        return self.running[name].pid

    def kill(self, name: str) -> int:
        """Kill a daemon as a power cut would, and nothing else; what its process id was."""
        process = self.running.pop(name)
        process.kill()
        process.wait()
        return process.pid

    def drop(self, name: str) -> int:
        """Cut the connections that an sshd has, and leave itself alone; how many there were."""
        sessions = _children(self.running[name].pid)
        for pid in sessions:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(sessions)

    def start_all(self) -> None:
        """Start everything, and wait until it answers.

        Raises:
            TimeoutError: it does not.
        """
        self.start("munged")
        self._until("munged", (self.folder / "run" / "munge.sock").exists)
        for name in ("slurmctld", *(f"slurmd.{node}" for node in NODES), "sshd", "sshd.pam"):
            self.start(name)
        self._until("sshd", lambda: _answers(self.ports["sshd"]))
        self._until("Slurm", self._nodes_idle)

    def _nodes_idle(self) -> bool:
        command = ["sinfo", "--noheader", "--Node", "--partition=normal", "--format=%T"]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=20)
        return found.stdout.split() == ["idle"] * len(NODES)

    def _until(self, what: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > end:
                logs = "\n".join(f"{p.name}: {p.read_text()[-600:]}" for p in sorted((self.folder / "log").iterdir()))
                raise TimeoutError(f"{what} did not start:\n{logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the daemons, then whatever else is below this process."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(3)
        while below := _children(os.getpid()):
            for pid in below:  # their own children become ours when they end
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.02)

    def profile(self) -> dict[str, Any]:
        """The profile of HCCAssist for this cluster."""
        return {
            "host": "127.0.0.1",
            "port": self.ports["sshd"],
            "user": getpass.getuser(),
            "key": str(self.folder / "ssh" / "user_ed25519"),
            "known_hosts": str(self.folder / "ssh" / "known_hosts"),
            "ssh_config": False,
            "root": str(self.folder / "root"),
            "partition": "normal",
            "cpus": 1,
            "memory": "2G",
            "time_limit": "00:30:00",
            "python": sys.executable,
        }


class PrivateCluster:
    """A private cluster as a test sees it: a process that starts the daemons and takes orders by lines of JSON.

    It ends with its standard input, so none outlives a test run that crashed.
    """

    def __init__(self, folder: Path, slurmd_timeout: int = 30) -> None:
        self.folder = folder
        command = [sys.executable, __file__, str(folder), "--orders", f"--slurmd-timeout={slurmd_timeout}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._in, self._out = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        self.told = self._answer()
        self.ports: dict[str, int] = self.told["ports"]
        self.profile: dict[str, Any] = self.told["profile"]
        self.environment = {**os.environ, "SLURM_CONF": str(folder.absolute() / "slurm.conf")}

    def _answer(self) -> dict[str, Any]:
        line = self._out.readline()
        if not line:
            raise RuntimeError("the private cluster ended; its last words are on stderr")
        return dict(json.loads(line))

    def order(self, what: str, name: str) -> int:
        """``start`` or ``kill`` a daemon (``slurmd.n1``, ``slurmctld``, ``sshd``, ...), or ``drop`` its connections."""
        self._in.write(json.dumps({what: name}) + "\n")
        self._in.flush()
        return int(self._answer()["answer"])

    def slurm(self, *command: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        return done.stdout if done.returncode == 0 else f"{done.stdout}{done.stderr}"

    def close(self) -> None:
        """End it with all that it started."""
        self._in.close()
        self._process.wait(30)


def _free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens to."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
            return peer.recv(4) == b"SSH-"
    except OSError:
        return False


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _children(parent: int) -> list[int]:
    """Process ids of the direct children, living or not yet waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):  # it ended in the meantime
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def main(arguments: list[str]) -> int:
    """Run a private cluster until Ctrl-C, or with ``--orders`` until stdin ends."""
    folder, *options = arguments
    if reason := unavailable():
        sys.stderr.write(f"{reason}\n")
        return 2
    timeout = next((int(text.partition("=")[2]) for text in options if text.startswith("--slurmd-timeout=")), 30)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    daemons = Daemons(Path(folder), timeout)
    try:
        daemons.start_all()
        profile = daemons.folder / "profile.json"
        profile.write_text(json.dumps(daemons.profile(), indent=2) + "\n")
        if "--orders" not in options:
            sys.stdout.write(f"A private Slurm is running. Its profile: {profile}\nCtrl-C ends it.\n")
            sys.stdout.flush()
            signal.pause()
        _say({"ports": daemons.ports, "profile": daemons.profile()})
        for line in sys.stdin:
            ((what, name),) = json.loads(line).items()
            _say({"answer": {"start": daemons.start, "kill": daemons.kill, "drop": daemons.drop}[what](name)})
    except KeyboardInterrupt:
        pass
    finally:
        daemons.stop()
    return 0


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
