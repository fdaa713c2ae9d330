"""A self-hosted Serin where nothing runs pods: the process that the chart's Deployment describes.

Its command and its variables are the Deployment's, its files the image's. The volumes are in a folder, and the ports
are free ones of loopback. The cluster reaches it by the chart's own Service, which becomes another name for localhost,
so the certificate and the path are the chart's, too.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

from tests.support.cluster import Access, kubeconfig
from tests.support.image import Image, without_power
from tests.support.installed import RELEASE, Installed
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.services import NO_SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shared.json_types import Json
    from tests.support.services import Services

OF_SERIN = Image("serin")
_EVERYWHERE = "0.0.0.0"  # noqa: S104  where it listens in its pod; here it is loopback


def hosted(installed: Installed, directory: Path, services: Services = NO_SERVICES) -> Process:
    """The process, not yet started, which finds ``services`` by their names. ``directory`` is a new one for volumes."""
    container = installed.container()
    ports = {"8080": str(free_port()), "8443": str(free_port())}
    places = {mount["mountPath"]: str(directory / mount["name"]) for mount in container["volumeMounts"]}
    here = {**ports, **places, _EVERYWHERE: "127.0.0.1"}
    app = _fill(installed, directory, container)
    _redirect(installed, int(ports["8443"]))
    arguments = (_moved(each, here) for each in (*container["command"][1:], *container["args"]))
    argv = ("env", "--chdir", str(app), *without_power((sys.executable, *arguments)))
    env = {each["name"]: _moved(_value(installed, each), here) for each in container["env"]}
    env |= {"SERIN_KUBECONFIG": str(_kubeconfig(installed, directory)), **services.environment(str(app))}
    return Process(Program("serin", argv, lambda: accepts(int(ports["8080"])), env), directory)


def _fill(installed: Installed, directory: Path, container: Json) -> Path:
    """Volumes, and the code; where that is."""
    for mount in container["volumeMounts"]:
        (directory / mount["name"]).mkdir(parents=True)
    for name, content in installed.secret(f"{RELEASE}-tls").items():
        (directory / "tls" / name).write_bytes(content)
    return OF_SERIN.unpack(directory / "app")


def _redirect(installed: Installed, port: int) -> None:
    """Let the cluster find the process where it looks for the Service."""
    api = installed.cluster.api
    alias = {"spec": {"type": "ExternalName", "externalName": "localhost", "clusterIP": None, "clusterIPs": None}}
    api.patch(f"/api/v1/namespaces/{installed.namespace}/services/{RELEASE}", alias)
    found = api.get(installed.webhooks)
    for webhook in found["webhooks"]:
        webhook["clientConfig"]["service"]["port"] = port
    api.replace(installed.webhooks, found)


def _value(installed: Installed, variable: Json) -> str:
    if "value" in variable:
        return str(variable["value"])
    ref = variable["valueFrom"]["secretKeyRef"]
    return installed.secret(ref["name"])[ref["key"]].decode()


def _kubeconfig(installed: Installed, directory: Path) -> Path:
    """Stands for the token that a pod finds in its own file system."""
    access = Access(installed.cluster.url, installed.cluster.ca_file, "", installed.token())
    file = directory / "kubeconfig"
    file.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
    return file


def _moved(text: str, here: Mapping[str, str]) -> str:
    """What stands for a port, an address or a place of the pod, as it is on this machine."""
    return re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], text)
