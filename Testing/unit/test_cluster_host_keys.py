"""Host keys without a server: files of known hosts as people have them, and keys as a host would show them."""

from pathlib import Path

import pytest

pytest.importorskip("paramiko", reason="SKIPPED: paramiko is not installed")

from paramiko import ECDSAKey, HostKeys, RSAKey

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.jobs.cluster import host_keys
from HCCAssistLib.jobs.cluster.prompts import UnknownHost

HOST = "[login.example.org]:2222"
KEY, OTHER = ECDSAKey.generate(), ECDSAKey.generate()


class Person:
    """Answers one question, and keeps what was asked."""

    def __init__(self, trusts: bool) -> None:
        self.trusts = trusts
        self.asked: list[UnknownHost] = []

    def confirm_host(self, host: UnknownHost) -> bool:
        self.asked.append(host)
        return self.trusts


def line(key: ECDSAKey | RSAKey, host: str = HOST) -> str:
    return f"{host} {key.get_name()} {key.get_base64()}\n"


def check(folder: Path, text: str, key: ECDSAKey | RSAKey, trusts: bool = False) -> Person:
    known = folder / "known_hosts"
    known.write_text(text)
    person = Person(trusts)
    host_keys.HostKeys([known], folder / "own").check(HOST, key, person)  # type: ignore[arg-type]
    return person


def test_a_known_key_passes_among_comments_nonsense_and_others(tmp_path: Path) -> None:
    text = f"# comment\nnonsense\n@cert-authority * ssh-rsa AAAA\n{line(OTHER, 'other')}{line(KEY, f'a,{HOST},b')}"
    assert check(tmp_path, text, KEY).asked == []
    assert check(tmp_path, line(KEY, HostKeys.hash_host(HOST)), KEY).asked == []


@pytest.mark.parametrize("first", [KEY, OTHER])
def test_each_of_several_keys_of_one_name_passes(tmp_path: Path, first: ECDSAKey) -> None:
    second = OTHER if first is KEY else KEY
    assert check(tmp_path, line(first) + line(second), KEY).asked == []


def test_an_unknown_host_is_a_question_and_known_when_it_was_confirmed(tmp_path: Path) -> None:
    person = check(tmp_path, line(OTHER, "login.example.org"), KEY, trusts=True)  # of another port
    assert [one.fingerprint for one in person.asked] == [host_keys.fingerprint(KEY.asbytes())]
    assert check(tmp_path, "", KEY).asked == []
    with pytest.raises(HCCAssistError, match="is not the one that is known"):
        check(tmp_path, "", OTHER, trusts=True)


def test_a_host_that_is_not_confirmed_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(Cancelled, match="nothing was sent"):
        check(tmp_path, "", KEY)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    "of_the_host", [line(OTHER), line(OTHER, HostKeys.hash_host(HOST)), line(RSAKey.generate(2048))]
)
def test_a_changed_key_is_refused_without_a_question(tmp_path: Path, of_the_host: str) -> None:
    with pytest.raises(HCCAssistError, match="nothing was sent to it: this can be another computer"):
        check(tmp_path, of_the_host, KEY, trusts=True)


def test_a_revoked_key_is_refused_whatever_else_is_known(tmp_path: Path) -> None:
    with pytest.raises(HCCAssistError, match="marked as revoked"):
        check(tmp_path, line(KEY) + f"@revoked * {KEY.get_name()} {KEY.get_base64()}\n", KEY, trusts=True)
