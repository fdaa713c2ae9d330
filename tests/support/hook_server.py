"""A server of hooks: each path is one hook, which answers as the test last told it and remembers what it was told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from shared.canary.model import HookType
    from shared.json_types import Json, JsonObject
    from tests.support.web import Behaviour, Received


class HookServer(WebServer):
    """Every hook says yes but rollback hooks, until the test says otherwise."""

    def __init__(self) -> None:
        super().__init__(reply(200))
        self._answers: dict[str, Behaviour] = {"/rollback": reply(404)}

    def take(self, request: Received) -> Behaviour:
        """The answer that this hook gives now."""
        everybody = super().take(request)
        return self._answers.get(request.path, everybody)

    def answer(self, kind: HookType, status: int, text: str = "") -> None:
        """From now on the hook of this type answers so."""
        self._answers[f"/{kind}"] = reply(status, text)

    def told(self, kind: HookType) -> list[Json]:
        """The bodies that the hook of this type got, in their order."""
        return [json.loads(request.body) for request in self.requests if request.path == f"/{kind}"]

    def hooks(self, *kinds: HookType) -> list[JsonObject]:
        """``analysis.webhooks`` with a hook of each of these types, named like its type."""
        return [{"name": str(kind), "type": str(kind), "url": f"{self.url}/{kind}"} for kind in kinds]
