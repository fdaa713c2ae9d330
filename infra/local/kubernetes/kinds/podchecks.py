"""What is wrong with a pod's specification: the checks that a typing mistake in a manifest can fail
(pkg/apis/core/validation).

Left out are the fields that nothing here acts on: affinity, topology spread, security contexts, resource claims,
Windows options.
"""

from collections.abc import Callable, Iterable
from typing import Any

from infra.local.kubernetes import names
from infra.local.kubernetes.metadata import check_annotations, check_labels
from infra.local.kubernetes.objects import JsonObject, indexed, items, mapping
from infra.local.kubernetes.problems import Problem, duplicate, forbidden, invalid, not_found, not_supported, required
from infra.local.kubernetes.quantities import amount

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PORT_RANGE = "must be between 1 and 65535, inclusive"


def check_template(template: JsonObject, path: str) -> list[Problem]:
    """A pod template: the labels, annotations and specification of pods to be."""
    spec = mapping(template, "spec")
    found = [
        *check_labels(mapping(template, "metadata", "labels"), f"{path}.labels"),
        *check_annotations(mapping(template, "metadata", "annotations"), f"{path}.annotations"),
        *check_spec(spec, f"{path}.spec"),
    ]
    if items(spec, "ephemeralContainers"):
        found.append(forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    return found


def check_spec(spec: JsonObject, path: str) -> list[Problem]:
    found, volumes = _check_volumes(spec, f"{path}.volumes")
    found += _check_containers(spec, path, volumes)
    found += one_of(spec.get("restartPolicy"), ("Always", "OnFailure", "Never"), f"{path}.restartPolicy")
    found += one_of(
        spec.get("dnsPolicy"), ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"), f"{path}.dnsPolicy"
    )
    found += check_labels(mapping(spec, "nodeSelector"), f"{path}.nodeSelector")
    if account := spec.get("serviceAccountName"):
        found += all_of(account, names.dns_subdomain, f"{path}.serviceAccountName")
    return found


def one_of(value: Any, valid: Iterable[str], path: str) -> list[Problem]:
    return [] if value in valid else [not_supported(path, value, valid)]


def all_of(value: str, check: names.Check, path: str) -> list[Problem]:
    return [invalid(path, value, fault) for fault in check(value)]


def not_negative(value: Any, path: str) -> list[Problem]:
    return [invalid(path, value, "must be greater than or equal to 0")] if value is not None and value < 0 else []


def check_port(number: Any, path: str) -> list[Problem]:
    return [] if 1 <= number <= 65535 else [invalid(path, number, _PORT_RANGE)]


def check_port_or_name(port: int | str, path: str) -> list[Problem]:
    return check_port(port, path) if isinstance(port, int) else all_of(port, names.port_name, path)


def _check_volumes(spec: JsonObject, path: str) -> tuple[list[Problem], set[str]]:
    found: list[Problem] = []
    known: set[str] = set()
    for index, volume in indexed(spec, "volumes"):
        name, spot = volume.get("name", ""), f"{path}[{index}]"
        wrong = _check_volume(volume, spot)
        wrong += all_of(name, names.dns_label, f"{spot}.name") if name else [required(f"{spot}.name")]
        if name in known:
            wrong.append(duplicate(f"{spot}.name", name))
        if not wrong:
            known.add(name)
        found += wrong
    return found, known


def _check_volume(volume: JsonObject, path: str) -> list[Problem]:
    sources = [key for key in volume if key != "name"]
    if not sources:
        return [required(path, "must specify a volume type")]
    found = [forbidden(f"{path}.{extra}", "may not specify more than 1 volume type") for extra in sources[1:]]
    if sources[0] == "secret" and not volume["secret"].get("secretName"):
        found.append(required(f"{path}.secret.secretName"))
    if sources[0] == "configMap" and not volume["configMap"].get("name"):
        found.append(required(f"{path}.configMap.name"))
    return found


def _check_containers(spec: JsonObject, path: str, volumes: set[str]) -> list[Problem]:
    if not items(spec, "containers"):
        return [required(f"{path}.containers")]
    found: list[Problem] = []
    taken: set[str] = set()
    for group in ("containers", "initContainers"):
        for index, container in indexed(spec, group):
            spot = f"{path}.{group}[{index}]"
            found += _check_container(container, spot, volumes)
            if container.get("name") in taken:
                found.append(duplicate(f"{spot}.name", container["name"]))
            taken |= {container["name"]} - {""}
            found += _check_init_only(container, spot) if group == "initContainers" else _check_probes(container, spot)
    return found


def _check_container(container: JsonObject, path: str, volumes: set[str]) -> list[Problem]:
    name = container.get("name", "")
    found = all_of(name, names.dns_label, f"{path}.name") if name else [required(f"{path}.name")]
    if not container.get("image"):
        found.append(required(f"{path}.image"))
    found += one_of(
        container.get("terminationMessagePolicy"), ("File", "FallbackToLogsOnError"), f"{path}.terminationMessagePolicy"
    )
    found += _check_ports(container, f"{path}.ports")
    found += _check_env(container, path)
    found += _check_mounts(container, f"{path}.volumeMounts", volumes)
    found += one_of(container.get("imagePullPolicy"), ("Always", "IfNotPresent", "Never"), f"{path}.imagePullPolicy")
    return found + _check_resources(mapping(container, "resources"), f"{path}.resources")


def _check_init_only(container: JsonObject, path: str) -> list[Problem]:
    if container.get("restartPolicy") == "Always":
        return _check_probes(container, path)
    why = "may not be set for init containers without restartPolicy=Always"
    return [forbidden(f"{path}.{name}", why) for name in ("lifecycle", *_PROBES) if name in container]


def _check_ports(container: JsonObject, path: str) -> list[Problem]:
    found: list[Problem] = []
    taken: set[str] = set()
    for index, port in indexed(container, "ports"):
        name, spot = port.get("name", ""), f"{path}[{index}]"
        if name and (faults := all_of(name, names.port_name, f"{spot}.name")):
            found += faults
        elif name in taken:
            found.append(duplicate(f"{spot}.name", name))
        taken |= {name} - {""}
        number = port.get("containerPort", 0)
        found += check_port(number, f"{spot}.containerPort") if number else [required(f"{spot}.containerPort")]
        if port.get("hostPort"):
            found += check_port(port["hostPort"], f"{spot}.hostPort")
        found += one_of(port.get("protocol"), _PROTOCOLS, f"{spot}.protocol")
    return found


def _check_env(container: JsonObject, path: str) -> list[Problem]:
    found: list[Problem] = []
    for index, variable in indexed(container, "env"):
        name, spot = variable.get("name", ""), f"{path}.env[{index}]"
        found += all_of(name, names.env_name, f"{spot}.name") if name else [required(f"{spot}.name")]
        if "valueFrom" in variable:
            found += _check_env_source(variable, f"{spot}.valueFrom")
    for index, source in indexed(container, "envFrom"):
        given = [key for key in ("configMapRef", "secretRef") if key in source]
        listed, spot = f"{path}.envFrom", f"{path}.envFrom[{index}]"
        if len(given) != 1:
            why = (
                "may not have more than one field specified at a time"
                if given
                else "must specify one of: `configMapRef` or `secretRef`"
            )
            found.append(invalid(listed, "", why))
        found += [required(f"{spot}.{key}.name") for key in given if not source[key].get("name")]
    return found


def _check_env_source(variable: JsonObject, path: str) -> list[Problem]:
    source = mapping(variable, "valueFrom")
    given = [key for key in _SOURCES if key in source]
    found = []
    for key in ("configMapKeyRef", "secretKeyRef"):
        if key in source:
            found += all_of(source[key].get("name", ""), names.dns_subdomain, f"{path}.{key}.name")
            wanted = source[key].get("key", "")
            found += (
                all_of(wanted, names.config_key, f"{path}.{key}.key") if wanted else [required(f"{path}.{key}.key")]
            )
    if not given:
        return [
            invalid(
                path,
                "",
                f"must specify one of: {', '.join(f'`{name}`' for name in _SOURCES[:-1])} or `{_SOURCES[-1]}`",
            )
        ]
    if variable.get("value"):
        return [*found, invalid(path, "", "may not be specified when `value` is not empty")]
    if len(given) > 1:
        found.append(invalid(path, "", "may not have more than one field specified at a time"))
    return found


def _check_mounts(container: JsonObject, path: str, volumes: set[str]) -> list[Problem]:
    found: list[Problem] = []
    taken: set[str] = set()
    for index, mount in indexed(container, "volumeMounts"):
        name, target, spot = mount.get("name", ""), mount.get("mountPath", ""), f"{path}[{index}]"
        if not name:
            found.append(required(f"{spot}.name"))
        if name not in volumes:
            found.append(not_found(f"{spot}.name", name))
        if not target:
            found.append(required(f"{spot}.mountPath"))
        if target in taken:
            found.append(invalid(f"{spot}.mountPath", target, "must be unique"))
        taken.add(target)
    return found


def _check_resources(resources: JsonObject, path: str) -> list[Problem]:
    limits, requests = mapping(resources, "limits"), mapping(resources, "requests")
    found: list[Problem] = []
    for group, amounts in (("limits", limits), ("requests", requests)):
        for name, text in amounts.items():
            if amount(text) < 0:
                found.append(invalid(f"{path}.{group}[{name}]", text, "must be greater than or equal to 0"))
    for name, text in requests.items():
        if name in limits and amount(text) > amount(limits[name]):
            found.append(
                invalid(f"{path}.requests", text, f"must be less than or equal to {name} limit of {limits[name]}")
            )
    return found


def _check_probes(container: JsonObject, path: str) -> list[Problem]:
    found: list[Problem] = []
    for name in _PROBES:
        if name in container:
            found += _check_handler(container[name], f"{path}.{name}")
            for key in (
                "initialDelaySeconds",
                "timeoutSeconds",
                "periodSeconds",
                "successThreshold",
                "failureThreshold",
            ):
                found += not_negative(container[name].get(key), f"{path}.{name}.{key}")
            if name != "readinessProbe" and container[name].get("successThreshold") != 1:
                found.append(
                    invalid(f"{path}.{name}.successThreshold", container[name].get("successThreshold"), "must be 1")
                )
    for hook, handler in mapping(container, "lifecycle").items():
        if hook in {"postStart", "preStop"}:
            found += _check_handler(handler, f"{path}.lifecycle.{hook}")
    return found


def _check_handler(handler: JsonObject, path: str) -> list[Problem]:
    given = [name for name in _HANDLERS if name in handler]
    if not given:
        return [required(path, "must specify a handler type")]
    found = [forbidden(f"{path}.{extra}", "may not specify more than 1 handler type") for extra in given[1:]]
    return found + _HANDLER_CHECKS.get(given[0], _nothing)(handler[given[0]], f"{path}.{given[0]}")


def _nothing(_: JsonObject, __: str) -> list[Problem]:
    return []


def _check_http_get(action: JsonObject, path: str) -> list[Problem]:
    port = check_port_or_name(action.get("port", 0), f"{path}.port")
    return port + one_of(action.get("scheme"), ("HTTP", "HTTPS"), f"{path}.scheme")


def _check_socket(action: JsonObject, path: str) -> list[Problem]:
    return check_port_or_name(action.get("port", 0), f"{path}.port")


def _check_exec(action: JsonObject, path: str) -> list[Problem]:
    return [] if items(action, "command") else [required(f"{path}.command")]


_HANDLER_CHECKS: dict[str, Callable[[JsonObject, str], list[Problem]]] = {
    "httpGet": _check_http_get,
    "tcpSocket": _check_socket,
    "grpc": _check_socket,
    "exec": _check_exec,
}
