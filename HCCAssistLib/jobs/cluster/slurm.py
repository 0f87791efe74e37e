"""Members as jobs of Slurm, by plain sbatch, squeue, scancel and scontrol.

A job trains one member and is named by its key, so that all clients that know the key mean the same job. Slurm's
``singleton`` lets only one job of a name run at a time, ``--requeue`` starts it again after a preemption or the loss of
its node. Shortly before the time limit the job is warned, writes its state and puts itself into the queue again.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.jobs.cluster.connection import Completed, Connection, ConnectionLost
from HCCAssistLib.jobs.cluster.install import install
from HCCAssistLib.jobs.cluster.profile import Profile, read_profile
from HCCAssistLib.jobs.cluster.prompts import Prompts
from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles
from HCCAssistLib.jobs.process import ENVIRONMENT
from HCCAssistLib.jobs.runs.executor import EngineState
from HCCAssistLib.jobs.runs.runs import run_folder

SCRIPT, LOG = "job.sh", "log"

JOB = """\
#!/bin/bash{login}
# Trains one member. Before the time limit (USR2) it writes its state and queues itself again, if it came further.
{modules}export {environment}
export PYTHONPATH={code}"${{PYTHONPATH:+:$PYTHONPATH}}"  # modules bring packages by it, too
begun={begun}
: > "$begun"
limit=
child=
trap 'limit=reached; kill -TERM "$child"' USR2
trap 'kill -TERM "$child"' TERM
{command} &
child=$!
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
done
if [ "$limit" ] && [ "$status" = 143 ]; then
    if [ "$(find {folder} -name '*.safetensors' -newer "$begun")" ]; then
        scontrol requeue "$SLURM_JOB_ID"
    else
        printf '{{"v": 1, "kind": "failed", "t": %s, "message": "%s"}}\n' "$(date +%s)" {too_short} \
            > {folder}/events/"$(date +%s%3N)-000000.jsonl"
    fi
fi
exit "$status"
"""

TOO_SHORT = (
    "The time limit of a job is shorter than an epoch takes. Write a longer time_limit into the profile, and try again."
)

QUEUED = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SUSPENDED"})
RUNNING = frozenset({"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "RESIZING", "STOPPED"})

NO_ANSWER = "Slurm does not answer at the moment. What runs goes on; try again later."

SENTENCES = (
    ("command not found", "Slurm is not there: sbatch was not found. Check host in the profile."),
    ("Invalid partition", "There is no such partition, or you may not use it. Check partition in the profile."),
    ("Invalid account", "You may not charge this account. Check account and partition in the profile."),
    ("Invalid qos", "There is no such quality of service, or you may not use it. Check qos in the profile."),
    ("generic resource", "There is no such resource. Check gres in the profile."),
    ("Invalid feature", "No node has such a feature. Check constraint in the profile."),
    ("node configuration is not available", "No node has so much. Check cpus, memory and gres in the profile."),
    ("Memory specification", "No node has so much memory. Check memory in the profile."),
    ("time limit", "The time limit is not possible there. Check time_limit in the profile."),
    ("SubmitJob", "You have as many jobs as the cluster allows. Wait until some have ended."),
    ("policy", "The cluster's rules do not allow this. Check account, qos and time_limit in the profile."),
    ("down or drained", "The partition is closed at the moment. Choose another one, or try again later."),
)


class Slurm:
    """See ``jobs.runs.executor.Executor``; connects and installs the library when it is made.

    Args:
        connection: to the cluster; closed with this.

    Raises:
        HCCAssistError: the cluster cannot be reached, or its folder cannot be written.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.profile = connection.profile
        self.files = SftpFiles(connection)
        self._code = install(connection, self.files)

    def start(self, key: str) -> None:
        """Submit a job that trains a member.

        Raises:
            HCCAssistError: Slurm refuses it; says why.
        """
        folder = run_folder(key)
        self.files.write(f"{folder}/{SCRIPT}", self.script(key).encode())
        command = [
            "sbatch",
            "--parsable",
            *options(self.profile),
            f"--job-name={job_name(key)}",
            "--dependency=singleton",
            "--requeue",
            "--open-mode=append",
            f"--signal=B:USR2@{self.profile.warning_s}",
            f"--chdir={self.files.root}",
            f"--output={self.files.path(folder)}/{LOG}",
            self.files.path(f"{folder}/{SCRIPT}"),
        ]
        try:
            done = self._connection.run(command, again=False)
        except ConnectionLost:  # it may have been submitted all the same
            if self.engine_states([key])[key] in ("queued", "running"):
                return
            done = self._connection.run(command, again=False)
        if done.status:
            raise refusal(done, "sbatch")

    def script(self, key: str) -> str:
        """What the job of a member runs."""
        home = self._connection.home
        run = self.files.path(run_folder(key))
        environment = {**ENVIRONMENT, "OMP_NUM_THREADS": str(self.profile.cpus)}
        attempt = ["-P", "-m", "HCCAssistLib.jobs.runs.attempt", self.files.root, key]
        command = [self.profile.interpreter(home), *attempt]
        modules = f"module load {shlex.join(self.profile.modules)} || exit 69\n" if self.profile.modules else ""
        return JOB.format(
            login=" -l" if modules else "",
            modules=modules,
            environment=shlex.join(f"{name}={value}" for name, value in environment.items()),
            code=shlex.quote(self._code),
            begun=shlex.quote(f"{run}/begun"),
            command=shlex.join(command),
            folder=shlex.quote(run),
            too_short=shlex.quote(TOO_SHORT),
        )

    def engine_states(self, keys: Sequence[str]) -> dict[str, EngineState]:
        """What Slurm says of each run, in one question; a job that waits for a time set by a requeue is let go.

        Raises:
            HCCAssistError: Slurm does not answer.
        """
        if not keys:
            return {}
        names = ",".join(map(job_name, keys))
        user = f"--user={self._connection.user}"
        done = self._connection.run(
            ["squeue", "--noheader", user, "--states=all", "--format=%j|%T|%i|%r", f"--name={names}"]
        )
        if done.status:
            raise refusal(done, "squeue")
        found: dict[str, list[str]] = {}
        for line in done.out.splitlines():
            if line.count("|") < 3:  # a greeting of the shell
                continue
            name, state, number, reason = line.split("|", 3)
            found.setdefault(name, []).append(state)
            if state == "PENDING" and reason == "BeginTime":  # two minutes, for Slurm to sort itself out
                self._connection.run(["scontrol", "update", f"JobId={number}", "StartTime=now"])
        return {key: _state(found.get(job_name(key), [])) for key in keys}

    def kill(self, key: str) -> None:
        """End the jobs of a run, or take them out of the queue.

        Raises:
            HCCAssistError: Slurm does not answer.
        """
        done = self._connection.run(["scancel", f"--user={self._connection.user}", f"--name={job_name(key)}"])
        if done.status:
            raise refusal(done, "scancel")

    def close(self) -> None:
        """End the connection; what runs goes on."""
        self._connection.close()


def connected(profile: str, prompts: Prompts) -> Slurm:
    """The engine of a profile.

    Args:
        profile: name or file.
        prompts: asked about an unknown host and for passwords.

    Raises:
        HCCAssistError: the cluster cannot be reached or used.
        Cancelled: the person gave up.
    """
    connection = Connection(read_profile(profile), prompts)
    try:
        return Slurm(connection)
    except BaseException:
        connection.close()
        raise


def job_name(key: str) -> str:
    """Of the jobs of a run.

    >>> job_name("0123456789abcdef0123456789abcdef")
    'hcc-0123456789abcdef'
    """
    return f"hcc-{key[:16]}"


def options(profile: Profile) -> list[str]:
    """What a profile asks of sbatch."""
    asked = {
        "partition": profile.partition,
        "account": profile.account,
        "qos": profile.qos,
        "gres": profile.gres,
        "constraint": profile.constraint,
        "cpus-per-task": str(profile.cpus),
        "mem": profile.memory,
        "time": profile.time_limit,
    }
    return ["--nodes=1", "--ntasks=1", *(f"--{name}={value}" for name, value in asked.items() if value)]


def refusal(done: Completed, program: str) -> HCCAssistError:
    """Why a command of Slurm failed, in words.

    >>> str(refusal(Completed(1, "", "sbatch: error: invalid partition specified: gpu"), "sbatch"))
    'There is no such partition, or you may not use it. Check partition in the profile.'
    """
    said = [line.split("error:", 1)[-1].strip() for line in done.err.strip().splitlines() if line.strip()]
    if any("unable to contact slurm" in line.lower() for line in said):
        return ConnectionLost(NO_ANSWER)
    for words, sentence in SENTENCES:
        if any(words.lower() in line.lower() for line in said):
            return InputError(sentence.rstrip(".")) if "profile" in sentence else HCCAssistError(sentence)
    return HCCAssistError(f"{program} failed on the cluster: {said[0] if said else f'status {done.status}'}.")


def _state(states: list[str]) -> EngineState:
    """Of all jobs of one name: an old one says nothing while another one is there."""
    if RUNNING.intersection(states):
        return "running"
    if QUEUED.intersection(states):
        return "queued"
    if not states:
        return None
    return "cancelled" if set(states) <= {"CANCELLED"} else "ended"
