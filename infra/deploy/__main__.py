"""``python -m infra.deploy deploy`` and ``undeploy``, as the Makefile calls them."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

from infra.deploy import foundation
from infra.deploy.deploying import deploy
from infra.deploy.errors import Declined, DeployError
from infra.deploy.runner import Runner
from infra.deploy.target import read_target
from infra.deploy.toolbox import lacks
from infra.deploy.undeploying import undeploy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.deploy.target import Target

VERBS: Mapping[str, Callable[[Target, Runner], None]] = MappingProxyType({"deploy": deploy, "undeploy": undeploy})


def main(arguments: list[str]) -> int:
    """Do it; 0 if all is done, 1 with the reason if not, 130 if somebody stopped it."""
    verb, *rest = arguments
    try:
        _perform(verb, rest)
    except DeployError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except Declined as declined:
        print(declined)
        return 1
    except KeyboardInterrupt as stopped:
        print(f"\nStopped. {stopped} Run `make {verb}` again to go on.", file=sys.stderr)
        return 130
    return 0


def _perform(verb: str, arguments: list[str]) -> None:
    target, yes = read_target(verb, arguments)
    if missing := lacks():
        raise DeployError("\n".join(["What is missing here:", *missing]))
    token = Runner().ask(foundation.log_in()).strip()
    VERBS[verb](target, Runner(yes=yes, secrets={"GOOGLE_OAUTH_ACCESS_TOKEN": token}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
