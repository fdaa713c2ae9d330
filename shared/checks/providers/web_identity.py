"""Temporary keys of an AWS role, for a token that the platform gives to this process, as EKS does (web identity).

AWS's own variables say which: AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE and, if it shall have a name,
AWS_ROLE_SESSION_NAME. The address is always AWS's own: the token must never be sent to where a MetricTemplate says, nor
with its headers.
Source: AWS Security Token Service API 2011-06-15, ``AssumeRoleWithWebIdentity``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.etree import ElementTree

from shared.checks.providers.sigv4 import Keys
from shared.checks.transport import Call, Patience
from shared.checks.wording import clean
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line
    from shared.checks.transport import Answer

_REGION = re.compile(r"[a-z0-9-]{1,40}")  # a part of the host's name, and never the end of it
_VARIABLES = ("ROLE_ARN", "WEB_IDENTITY_TOKEN_FILE", "ROLE_SESSION_NAME")
_LIMIT = 5.0
_RETRIES = 2
_LARGEST_ANSWER = 64 * 1024
_LONGEST_REASON = 300
_SPARE_SECONDS = 300.0  # keys are fetched anew while they are still good for a whole tick


@dataclass(frozen=True, slots=True)
class Role:
    """Whom to become, with the file of the token, which the platform writes anew from time to time."""

    arn: str
    token_file: str
    session: str = "serin"


def own_role() -> Role | None:
    """The role that this process was given; None if there is none."""
    arn, file, session = (os.environ.get(f"AWS_{name}", "") for name in _VARIABLES)
    return Role(arn, file, session or "serin") if arn and file else None


class Assumed:
    """A role's keys, kept until shortly before they expire. Threads may share it."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._lock = Lock()
        self._keys, self._until = Keys("", ""), 0.0

    def keys(self, region: str, line: Line, now: float) -> Keys:
        """Keys that are good ``now`` (seconds since 1970), from the STS of ``region``. CheckUnavailable if there are
        none.
        """
        with self._lock:
            if now >= self._until - _SPARE_SECONDS:
                self._keys, self._until = _read(_ask(self._role, region, line))
            return self._keys


@lru_cache(maxsize=8)
def assumed(role: Role) -> Assumed:
    """The one of this role in this process."""
    return Assumed(role)


def _ask(role: Role, region: str, line: Line) -> bytes:
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role.arn,
        "RoleSessionName": role.session,
        "WebIdentityToken": _token(role),
    }
    call = Call(
        method="POST",
        url=_address(region),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/xml", "User-Agent": "serin"},
        keep=_LARGEST_ANSWER,
        body=urlencode(form).encode(),
    )
    answer = line.http.send(call, Patience(_LIMIT, line.deadline.within(_LIMIT), _RETRIES))
    if answer.complete and answer.status == HTTPStatus.OK:
        return answer.body
    reason = _reason(answer, form["WebIdentityToken"])
    raise CheckUnavailable(f"AWS does not give the keys of {role.arn}: {reason}; look at the role's trust policy")


def _address(region: str) -> str:
    if not _REGION.fullmatch(region):
        raise CheckUnavailable(f"spec.provider.region is no region of AWS: {clean(region, _LONGEST_REASON)}")
    return f"https://sts.{region}.amazonaws.com/"


def _token(role: Role) -> str:
    try:
        return Path(role.token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise CheckUnavailable(
            f"AWS_WEB_IDENTITY_TOKEN_FILE names {role.token_file}, which cannot be read: look at the token's volume"
        ) from None


def _read(body: bytes) -> tuple[Keys, float]:
    """The keys, and until when they are good."""
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    access, secret, session, until = (_text(body, f"Credentials/{{*}}{name}") for name in names)
    try:
        expires = datetime.fromisoformat(until).timestamp()
    except ValueError:
        expires = 0.0
    if not (access and secret and session and expires):
        raise CheckUnavailable("the answer of AWS's token service does not look like one of AssumeRoleWithWebIdentity")
    return Keys(access, secret, session), expires


def _reason(answer: Answer, token: str) -> str:
    found = (_text(answer.body, f"Error/{{*}}{name}") for name in ("Code", "Message"))
    return clean(": ".join(filter(None, found)) or f"HTTP {answer.status}", _LONGEST_REASON, (token,))


def _text(body: bytes, path: str) -> str:
    """The text of the first such element, wherever it is; empty if there is none."""
    try:
        return ElementTree.fromstring(body).findtext(f".//{{*}}{path}", "")  # noqa: S314  AWS's own, and a small one
    except ElementTree.ParseError:
        return ""
