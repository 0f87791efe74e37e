"""Connections to a real sshd on loopback: host keys, keys, passwords, a second factor, jumps, losses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_person import Answers
from private_cluster import PASSWORD, PrivateCluster

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.jobs.cluster.connection import Connection, ConnectionLost
from HCCAssistLib.jobs.cluster.profile import Profile

pytestmark = pytest.mark.slow

NASTY = ("a b", "$HOME", "`id`", "; exit 7", "'", '"', "\\", "*", "ä\n", "-n", "")


def hello(profile: Profile, answers: Answers) -> str:
    with Connection(profile, answers) as connection:
        return connection.run(["echo", "hello"]).out.strip()


def known_hosts(home: Path) -> Path:
    return home / "profiles" / "known_hosts"


@pytest.fixture
def stranger(profile: Profile) -> Profile:
    """The host is not known."""
    return replace(profile, known_hosts="")


def test_arguments_arrive_as_they_are(connection: Connection) -> None:
    code = "import sys; sys.stdout.write('|'.join(sys.argv[1:]))"
    assert connection.run([sys.executable, "-c", code, *NASTY]).out == "|".join(NASTY)


def test_output_larger_than_the_window_of_a_channel_and_a_status(connection: Connection) -> None:
    code = "import sys; sys.stdout.write('o' * 9_000_000); sys.stderr.write('e' * 5_000_000); sys.exit(3)"
    done = connection.run([sys.executable, "-c", code])
    assert (done.status, len(done.out), len(done.err)) == (3, 9_000_000, 5_000_000)


@pytest.mark.slow
def test_a_command_that_does_not_end_is_given_up(connection: Connection) -> None:
    with pytest.raises(ConnectionLost):
        connection.run(["sleep", "30"], seconds=0.5, again=False)


def test_an_unknown_host_is_a_question_with_its_fingerprint_and_is_known_from_then_on(
    private_cluster: PrivateCluster, stranger: Profile, own_home: Path
) -> None:
    public = private_cluster.folder / "ssh" / "host_ed25519.pub"
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(public)], capture_output=True, text=True, check=True)
    first = Answers(trusts=True)
    assert hello(stranger, first) == "hello"
    assert len(first.asked) == 1
    assert told.stdout.split()[1] in first.asked[0]
    second = Answers()
    assert hello(stranger, second) == "hello"
    assert second.asked == []


def test_a_host_that_is_not_confirmed_is_sent_nothing(
    private_cluster: PrivateCluster, stranger: Profile, own_home: Path
) -> None:
    log = private_cluster.folder / "log" / "sshd.log"
    before = log.read_text().count("Accepted")
    with pytest.raises(Cancelled, match="nothing was sent"):
        hello(stranger, Answers())
    assert not known_hosts(own_home).exists()
    assert log.read_text().count("Accepted") == before


@pytest.mark.parametrize("hashed", [False, True])
def test_a_changed_host_key_is_refused_without_a_question(
    private_cluster: PrivateCluster, stranger: Profile, own_home: Path, hashed: bool
) -> None:
    other = " ".join((private_cluster.folder / "ssh" / "other_ed25519.pub").read_text().split()[:2])
    own = known_hosts(own_home)
    own.parent.mkdir()
    own.write_text(f"[127.0.0.1]:{stranger.port} {other}\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(own)], check=True, capture_output=True)
        assert "127.0.0.1" not in own.read_text()
    answers = Answers(trusts=True)
    with pytest.raises(HCCAssistError, match="is not the one that is known, so nothing was sent"):
        hello(stranger, answers)
    assert answers.asked == []


def test_a_key_of_another_kind_than_the_known_one_is_a_change(
    private_cluster: PrivateCluster, stranger: Profile, own_home: Path, tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(tmp_path / "rsa")], check=True)
    own = known_hosts(own_home)
    own.parent.mkdir()
    own.write_text(f"[127.0.0.1]:{stranger.port} {' '.join((tmp_path / 'rsa.pub').read_text().split()[:2])}\n")
    with pytest.raises(HCCAssistError, match="is not the one that is known"):
        hello(stranger, Answers(trusts=True))


def test_a_revoked_host_key_is_refused(private_cluster: PrivateCluster, stranger: Profile, own_home: Path) -> None:
    key = " ".join((private_cluster.folder / "ssh" / "host_ed25519.pub").read_text().split()[:2])
    (own_home / ".ssh").mkdir()
    (own_home / ".ssh" / "known_hosts").write_text(f"nonsense\n@cert-authority *.x.org a b\nx y z\n@revoked * {key}\n")
    with pytest.raises(HCCAssistError, match="revoked"):
        hello(stranger, Answers(trusts=True))


def test_a_key_with_a_passphrase(private_cluster: PrivateCluster, profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_bytes(Path(profile.key).read_bytes())
    path.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(path)], check=True)
    answers = Answers("wrong", "secret")
    assert hello(replace(profile, key=str(path)), answers) == "hello"
    assert answers.asked == ["Passphrase of the key locked:"] * 2
    with pytest.raises(Cancelled, match="passphrase"):
        hello(replace(profile, key=str(path)), Answers("wrong", "wrong", "wrong"))


def test_a_key_of_an_agent(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            subprocess.run(["ssh-add", "-q", profile.key], check=True)
            assert hello(replace(profile, key=""), Answers()) == "hello"
        finally:
            agent.terminate()


def test_a_key_that_the_server_does_not_know(private_cluster: PrivateCluster, profile: Profile) -> None:
    other = private_cluster.folder / "ssh" / "other_ed25519"
    with pytest.raises(HCCAssistError, match=r"does not let root in: it was given a key.*Check user and key"):
        hello(replace(profile, key=str(other)), Answers())


@pytest.fixture
def by_password(private_cluster: PrivateCluster, profile: Profile) -> Profile:
    return replace(profile, port=private_cluster.ports["password"], key="/there/is/none")


@pytest.fixture
def by_factor(private_cluster: PrivateCluster, profile: Profile) -> Iterator[Profile]:
    """A key, and then a code that is taken once."""
    codes = private_cluster.folder / "pam" / "codes"
    codes.write_text("314159\n")
    yield replace(profile, port=private_cluster.ports["factor"])
    codes.write_text("")


def test_a_password(by_password: Profile) -> None:
    answers = Answers("wrong", PASSWORD)
    assert hello(by_password, answers) == "hello"
    assert len(answers.asked) == 2


def test_a_key_and_then_a_second_factor(by_factor: Profile) -> None:
    answers = Answers("271828", "314159")
    assert hello(by_factor, answers) == "hello"
    assert len(answers.asked) == 2
    with pytest.raises(HCCAssistError, match="a key and a second factor"):
        hello(by_factor, Answers("314159", "314159", "314159"))  # each code is taken once


def test_giving_up_at_the_second_factor_is_no_fault(by_factor: Profile) -> None:
    with pytest.raises(Cancelled):
        hello(by_factor, Answers())


def test_a_lost_connection_is_made_again_once(private_cluster: PrivateCluster, connection: Connection) -> None:
    assert connection.run(["echo", "1"]).out == "1\n"
    assert private_cluster.order("drop", "sshd") >= 1
    assert connection.run(["echo", "2"]).out == "2\n"
    connection.with_sftp(lambda sftp: sftp.listdir("/"))
    private_cluster.order("drop", "sshd")
    assert "etc" in connection.with_sftp(lambda sftp: sftp.listdir("/"))
    assert connection.connected_times == 3


@pytest.mark.slow
def test_where_the_server_is_gone_it_is_said_that_nothing_is_lost(
    private_cluster: PrivateCluster, connection: Connection
) -> None:
    connection.connect()
    private_cluster.order("drop", "sshd")
    private_cluster.order("kill", "sshd")
    try:
        with pytest.raises(ConnectionLost, match="cannot be reached"):
            connection.run(["true"])
    finally:
        private_cluster.order("start", "sshd")
    for _ in range(50):
        try:
            assert connection.run(["echo", "3"]).out == "3\n"
            break
        except ConnectionLost:
            pass


@pytest.mark.slow
def test_a_second_factor_that_is_asked_for_anew_is_said_plainly(
    private_cluster: PrivateCluster, by_factor: Profile
) -> None:
    with Connection(by_factor, Answers("314159")) as connection:
        connection.connect()
        private_cluster.order("drop", "sshd.pam")
        with pytest.raises(HCCAssistError, match=r"second factor or password anew\. What runs there goes on"):
            connection.run(["true"])


def test_through_a_jump_host_by_the_ssh_config(
    private_cluster: PrivateCluster, profile: Profile, own_home: Path
) -> None:
    port = private_cluster.ports["sshd"]
    (own_home / ".ssh").mkdir()
    (own_home / ".ssh" / "config").write_text(
        f"Host gate\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {profile.key}\n"
        f"Host inner\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  ProxyJump gate\n"
        f"  IdentityFile {profile.key}\nHost *\n  UserKnownHostsFile {profile.known_hosts}\n"
    )
    through = Profile.from_json({"host": "inner"})
    with Connection(through, Answers()) as connection:
        private_cluster.order("drop", "sshd")  # of earlier tests, that are about to end
        assert connection.run(["echo", "hello"]).out == "hello\n"
        assert private_cluster.order("drop", "sshd") == 2  # of gate, and of inner through it
        assert connection.run(["echo", "again"]).out == "again\n"


def test_through_a_jump_host_of_the_profile_whose_key_is_checked_as_well(
    private_cluster: PrivateCluster, profile: Profile, stranger: Profile
) -> None:
    gate = f"root@127.0.0.1:{private_cluster.ports['sshd']}"
    assert hello(replace(profile, jump=gate), Answers()) == "hello"
    with pytest.raises(Cancelled, match="not confirmed"):
        hello(replace(stranger, jump=gate), Answers())


@pytest.mark.slow
def test_hosts_that_cannot_be_reached(profile: Profile) -> None:
    with pytest.raises(InputError, match="no host of this name"):
        hello(replace(profile, host="nowhere.invalid"), Answers())
    with pytest.raises(ConnectionLost, match="refused"):
        hello(replace(profile, port=1), Answers())


def test_the_command_asks_nothing_where_there_is_no_terminal(stranger: Profile, own_home: Path) -> None:
    from HCCAssistLib.jobs.cluster.profile import keep_profile

    keep_profile("ward", stranger)
    done = subprocess.run(
        [sys.executable, "-m", "HCCAssistLib.cli.main", "clusters", "test", "ward"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2
    assert "SHA256:" in done.stderr
    assert "There is no terminal to confirm it" in done.stderr
    assert "Traceback" not in done.stderr
