"""Saying who one is: keys, an agent, a password, the questions of a server; in the order that OpenSSH takes.

A server may ask for several of them one after the other, such as a key and then a second factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.jobs.cluster.prompts import Prompts
from HCCAssistLib.jobs.cluster.target import Target

ORDER = ("publickey", "keyboard-interactive", "password")
TRIES = 3
"""For a password or a second factor that was mistyped."""


def authenticate(transport: Any, target: Target, prompts: Prompts) -> None:
    """Say who one is until the server is content.

    Args:
        transport: of paramiko; the key of its host was checked.
        target: whose keys are tried.
        prompts: asked for what only the person knows.

    Raises:
        HCCAssistError: the server takes none of it.
        Cancelled: the person gave up.
    """
    wanted = _wanted(transport, target.user)
    tried: list[str] = []
    while wanted:
        for method in ORDER:
            if method in wanted and method not in tried:
                break
        else:
            raise _refused(target, tried, wanted)
        tried.append(method)
        rest = _METHODS[method](transport, target, prompts)
        if rest is not None:  # taken; what is left is asked for in turn
            wanted = rest


def _wanted(transport: Any, user: str) -> list[str]:
    """The methods that a server takes to begin with."""
    from paramiko import BadAuthenticationType

    try:
        return list(transport.auth_none(user))
    except BadAuthenticationType as error:
        return list(error.allowed_types)


def _by_key(transport: Any, target: Target, prompts: Prompts) -> list[str] | None:
    from paramiko import AuthenticationException

    for key in _keys(target, prompts):
        with suppress(AuthenticationException):
            if not transport.is_active():
                raise HCCAssistError(
                    f"{target.known_as} closed the connection after several keys that it does not know. "
                    'Name the right one as "key" in the profile.'
                )
            return list(transport.auth_publickey(target.user, key))
    return None


def _keys(target: Target, prompts: Prompts) -> Iterator[Any]:
    """Files before the agent where a file is named, so that a crowded agent does not use up the tries."""
    from paramiko import Agent

    for path in target.keys:
        key = _read_key(path, prompts)
        if key is not None:
            yield key
    if target.agent:
        yield from Agent().get_keys()


def _read_key(path: Path, prompts: Prompts) -> Any:
    from paramiko import PKey

    if not path.is_file():
        return None
    try:
        return PKey.from_path(str(path))
    except Exception as error:  # with a passphrase: TypeError or PasswordRequiredException, by its format
        if "password" not in f"{type(error).__name__} {error}".lower():
            raise InputError(f"this key cannot be read ({error})", path.name, "name another one as key") from error
    for _ in range(TRIES):
        secret = prompts.secret(f"Passphrase of the key {path.name}:")
        with suppress(Exception):  # a wrong one is a ValueError or an SSHException
            return PKey.from_path(str(path), secret.encode())
    raise Cancelled(f"the passphrase of the key {path.name} was not right.")


def _by_questions(transport: Any, target: Target, prompts: Prompts) -> list[str] | None:
    from paramiko import AuthenticationException

    given_up: list[HCCAssistError] = []

    def answer(title: str, instructions: str, questions: list[tuple[str, bool]]) -> list[str]:
        try:  # in the thread of the transport, which would end with the error
            return prompts.answers(title, instructions, questions) if questions else []
        except HCCAssistError as error:
            given_up.append(error)
            return [""] * len(questions)

    for _ in range(TRIES):
        with suppress(AuthenticationException):
            return list(transport.auth_interactive(target.user, answer))
        if given_up:
            raise given_up[0]
        if not transport.is_active():
            return None
    return None


def _by_password(transport: Any, target: Target, prompts: Prompts) -> list[str] | None:
    from paramiko import AuthenticationException

    for _ in range(TRIES):
        secret = prompts.secret(f"Password of {target.user} at {target.host}:")
        with suppress(AuthenticationException):
            return list(transport.auth_password(target.user, secret, fallback=False))
        if not transport.is_active():
            return None
    return None


_METHODS: dict[str, Callable[[Any, Target, Prompts], list[str] | None]] = {
    "publickey": _by_key,
    "keyboard-interactive": _by_questions,
    "password": _by_password,
}

_WORDS = {"publickey": "a key", "keyboard-interactive": "a second factor or password", "password": "a password"}


def _refused(target: Target, tried: list[str], wanted: list[str]) -> HCCAssistError:
    words = " and ".join(_WORDS[one] for one in tried) or "nothing"
    asks = " or ".join(_WORDS.get(one, one) for one in wanted)
    return HCCAssistError(
        f"{target.known_as} does not let {target.user} in: it was given {words}, and asks for {asks}. "
        "Check user and key in the profile, and whether the account is still open."
    )
