"""The keys and configurations of a private cluster."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

NODES = ("n1", "n2")

SLURM_CONF = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CredType=cred/munge
SlurmctldPort={slurmctld}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
MpiDefault=none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout={slurmd_timeout}
InactiveLimit=0
KillWait=10
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=2 RealMemory=8000 Gres=gpu:1 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=2 RealMemory=8000 Gres=gpu:1 State=UNKNOWN
PartitionName=normal Nodes=n[1-2] Default=YES MaxTime=1:00:00 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=5
PartitionName=urgent Nodes=n[1-2] MaxTime=1:00:00 State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=closed Nodes=n[1-2] MaxTime=1:00:00 State=DOWN
"""

SSHD_CONFIG = """\
{ports}
ListenAddress 127.0.0.1
HostKey {folder}/ssh/host_ed25519
AuthorizedKeysFile {folder}/ssh/user_ed25519.pub
PidFile {folder}/run/{name}.pid
StrictModes no
PermitRootLogin yes
PasswordAuthentication {pam}
KbdInteractiveAuthentication {pam}
UsePAM {pam}
PrintMotd no
AllowTcpForwarding yes
Subsystem sftp internal-sftp
LogLevel VERBOSE
MaxStartups 50
SetEnv SLURM_CONF={folder}/slurm.conf PYTHONPATH={folder}/site HOME={folder}/home
"""

SECOND_FACTOR = """\
Match LocalPort {password}
    AuthenticationMethods password keyboard-interactive
Match LocalPort {factor}
    AuthenticationMethods publickey,keyboard-interactive
"""

PAM = """\
auth required pam_exec.so expose_authtok quiet {folder}/pam/check
auth required pam_permit.so
account required pam_permit.so
session required pam_permit.so
"""

CHECK = """\
#!/bin/sh
# Accepts the password, and each code of a second factor once.
given=$(tr -d '\\000')
grep -qxF -e "$given" {folder}/pam/password && exit 0
grep -qxF -e "$given" {folder}/pam/codes || exit 1
grep -vxF -e "$given" {folder}/pam/codes > {folder}/pam/codes.new
mv {folder}/pam/codes.new {folder}/pam/codes
exit 0
"""


def write_files(folder: Path, ports: Mapping[str, int], password: str, slurmd_timeout: int) -> None:
    """Write keys and configurations.

    Args:
        folder: absolute.
        ports: of ``slurmctld``, each node, and ``sshd``, ``password`` and ``factor`` of the SSH servers.
        password: that the second SSH server takes.
        slurmd_timeout: seconds after which a node that does not answer is down.
    """
    for name in ("run", "log", "state", "ssh", "pam", "site", "home", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o755)
    folder.chmod(0o755)
    host = socket.gethostname().split(".")[0]
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    values = {"folder": folder, "host": host, "slurmd_timeout": slurmd_timeout, **ports}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**values))
    device = folder / "nvidia0"  # a character device, since for a plain file no job is told of its GPU
    device.unlink(missing_ok=True)
    os.mknod(device, 0o20666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"NodeName=n[1-2] Name=gpu File={device}\n")
    for name in ("host_ed25519", "user_ed25519", "other_ed25519"):
        (folder / "ssh" / name).unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "private", "-f", str(folder / "ssh" / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    key = " ".join((folder / "ssh" / "host_ed25519.pub").read_text().split()[:2])
    known = "".join(f"[127.0.0.1]:{ports[name]} {key}\n" for name in ("sshd", "password", "factor"))
    (folder / "ssh" / "known_hosts").write_text(known)
    plain = SSHD_CONFIG.format(folder=folder, name="sshd", pam="no", ports=f"Port {ports['sshd']}")
    (folder / "ssh" / "sshd.conf").write_text(plain)
    both = f"Port {ports['password']}\nPort {ports['factor']}"
    pam = SSHD_CONFIG.format(folder=folder, name="sshd.pam", pam="yes", ports=both)
    (folder / "ssh" / "sshd.pam.conf").write_text(pam + SECOND_FACTOR.format(**ports))
    (folder / "pam" / "pam.d").mkdir(exist_ok=True)
    (folder / "pam" / "pam.d" / "sshd").write_text(PAM.format(folder=folder))
    (folder / "pam" / "check").write_text(CHECK.format(folder=folder))
    (folder / "pam" / "check").chmod(0o700)
    (folder / "pam" / "password").write_text(password + "\n")
    (folder / "pam" / "codes").write_text("")
