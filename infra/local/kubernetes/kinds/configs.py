"""ConfigMaps and Secrets (pkg/registry/core/configmap, pkg/registry/core/secret)."""

import base64
from collections.abc import Iterator

from infra.local.kubernetes import names
from infra.local.kubernetes.kinds.kind import Kind
from infra.local.kubernetes.kinds.podspec import fill
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.objects import JsonObject, mapping
from infra.local.kubernetes.problems import IMMUTABLE, Problem, forbidden, invalid, required, too_long

_LIMIT = 1024 * 1024
_SET_ONCE = "field is immutable when `immutable` is set"
_SEALED = ("data", "binaryData")
_REQUIRED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def _bad_keys(obj: JsonObject, part: str) -> Iterator[Problem]:
    for key in mapping(obj, part):
        for fault in names.config_key(key):
            yield invalid(f"{part}[{key}]", key, fault)


def _check_config_map(obj: JsonObject) -> list[Problem]:
    data, binary = mapping(obj, "data"), mapping(obj, "binaryData")
    found = [*_bad_keys(obj, "data"), *_bad_keys(obj, "binaryData")]
    found += [invalid(f"data[{key}]", key, "duplicate of key present in binaryData") for key in data if key in binary]
    size = sum(len(value.encode()) for value in data.values()) + sum(_decoded_size(value) for value in binary.values())
    return [*found, too_long("[]", _LIMIT)] if size > _LIMIT else found


def _decoded_size(value: str) -> int:
    return len(base64.b64decode(value))


def _check_sealed(new: JsonObject, old: JsonObject) -> list[Problem]:
    if not old.get("immutable"):
        return []
    found = [] if new.get("immutable") else [forbidden("immutable", _SET_ONCE)]
    return found + [forbidden(part, _SET_ONCE) for part in _SEALED if new.get(part) != old.get(part)]


def _complete_secret(obj: JsonObject) -> None:
    """`stringData` is written in clear and stored in `data`."""
    fill(obj, type="Opaque")
    for key, value in mapping(obj, "stringData").items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    obj.pop("stringData", None)


def _check_secret(obj: JsonObject) -> list[Problem]:
    data = mapping(obj, "data")
    found = list(_bad_keys(obj, "data"))
    if sum(_decoded_size(value) for value in data.values()) > _LIMIT:
        found.append(too_long("data", _LIMIT))
    return found + [required(f"data[{key}]") for key in _REQUIRED_KEYS.get(obj["type"], ()) if key not in data]


def _check_secret_change(new: JsonObject, old: JsonObject) -> list[Problem]:
    found = [] if new["type"] == old["type"] else [invalid("type", new["type"], IMMUTABLE)]
    return found + _check_sealed(new, old)


CONFIG_MAP = Kind(read=through("io.k8s.api.core.v1.ConfigMap"), check=_check_config_map, check_change=_check_sealed)

SECRET = Kind(
    read=through("io.k8s.api.core.v1.Secret"),
    complete=_complete_secret,
    check=_check_secret,
    check_change=_check_secret_change,
)
