"""AlertProviders as users write them, of Serin's own type unless a test says otherwise."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.api import Api


def install_provider(api: Api, namespace: str, name: str, address: str, *, secret: bool = False) -> None:
    """An AlertProvider that takes JSON at ``address``, which is in a Secret if ``secret`` says so."""
    spec: JsonObject = {"type": "webhook", "address": address}
    if secret:
        data = {"address": base64.b64encode(address.encode()).decode()}
        body: JsonObject = {"metadata": {"name": name}, "data": data}
        api.create(f"/api/v1/namespaces/{namespace}/secrets", body)
        spec = {"type": "webhook", "secretRef": {"name": name}}
    provider: JsonObject = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name},
        "spec": spec,
    }
    api.create(f"/apis/flagger.app/v1beta1/namespaces/{namespace}/alertproviders", provider)
