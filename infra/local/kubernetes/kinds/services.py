"""Services: defaults, checks, and the addresses and node ports that a cluster has only once
(pkg/registry/core/service).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, ip_address

from infra.local.kubernetes import names
from infra.local.kubernetes.kinds.kind import Kind, keep_spec
from infra.local.kubernetes.kinds.podchecks import all_of, check_port, check_port_or_name, one_of
from infra.local.kubernetes.kinds.podspec import fill
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.metadata import check_labels
from infra.local.kubernetes.objects import JsonObject, copy_json, indexed, items, mapping
from infra.local.kubernetes.problems import Problem, duplicate, forbidden, invalid, required

ADDRESSES = IPv4Network("10.96.0.0/16")
_FIRST_ADDRESS = 10  # the lower ones are for services of the cluster itself
_NODE_PORTS = range(30000, 32768)
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_OUTWARD = {"NodePort", "LoadBalancer"}
_CLIENT_SECONDS = 10800


def _complete(obj: JsonObject) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": _CLIENT_SECONDS}})
    else:
        spec.pop("sessionAffinityConfig", None)
    for _, port in indexed(spec, "ports"):
        fill(port, protocol="TCP", targetPort=port.get("port", 0))
    if spec["type"] in _OUTWARD:
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
        _complete_addresses(spec)


def _complete_addresses(spec: JsonObject) -> None:
    if spec.get("clusterIP"):
        fill(spec, clusterIPs=[spec["clusterIP"]])


def _begin(obj: JsonObject) -> None:
    obj["status"] = {"loadBalancer": {}}


def _inherit(new: JsonObject, old: JsonObject) -> None:
    """Keeps what was allocated when the new version does not mention it, as a PUT of the user's manifest does not."""
    new["status"] = copy_json(old.get("status", {}))
    spec, before = new["spec"], old["spec"]
    _forget_policies(spec, before)
    if "ExternalName" in {spec["type"], before["type"]}:
        _forget_allocations(spec, before)
        return
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if not spec.get(key) and key in before:
            spec[key] = copy_json(before[key])
    if spec["clusterIP"] != before["clusterIP"] and spec["clusterIPs"] == before["clusterIPs"]:
        spec["clusterIPs"] = [spec["clusterIP"]]
    _inherit_node_ports(spec, before)


def _forget_policies(spec: JsonObject, before: JsonObject) -> None:
    """Drops what only the old type had, when the new version merely repeats it."""
    if spec["type"] not in _OUTWARD and spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy"):
        spec.pop("externalTrafficPolicy", None)
    if spec["type"] != "LoadBalancer":
        spec.pop("allocateLoadBalancerNodePorts", None)
    if spec["type"] == "ExternalName":
        spec.pop("internalTrafficPolicy", None)


def _forget_allocations(spec: JsonObject, before: JsonObject) -> None:
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec["type"] == "ExternalName" and spec.get(key) == before.get(key):
            spec.pop(key, None)


def _inherit_node_ports(spec: JsonObject, before: JsonObject) -> None:
    known = {port.get("name", ""): port["nodePort"] for _, port in indexed(before, "ports") if port.get("nodePort")}
    for _, port in indexed(spec, "ports"):
        if spec["type"] not in _OUTWARD and port.get("nodePort") in known.values():
            del port["nodePort"]
        elif spec["type"] in _OUTWARD and not port.get("nodePort") and port.get("name", "") in known:
            port["nodePort"] = known[port.get("name", "")]


def _allocate(obj: JsonObject, others: Iterable[JsonObject]) -> list[Problem]:
    spec = obj["spec"]
    if spec["type"] == "ExternalName":
        return []
    headless = spec.get("clusterIP") == "None"
    if not headless:
        taken = {address for other in others for address in items(other, "spec", "clusterIPs")}
        if found := _allocate_address(spec, taken):
            return found
    _complete_addresses(spec)
    dual = headless and not spec.get("selector")
    fill(
        spec,
        ipFamilies=["IPv4", "IPv6"] if dual else ["IPv4"],
        ipFamilyPolicy="RequireDualStack" if dual else "SingleStack",
    )
    return _allocate_node_ports(spec, others) if spec["type"] in _OUTWARD else []


def _allocate_address(spec: JsonObject, taken: set[str]) -> list[Problem]:
    wanted = spec.get("clusterIP")
    if not wanted:
        candidates = (str(ADDRESSES[index]) for index in range(_FIRST_ADDRESS, ADDRESSES.num_addresses - 1))
        spec["clusterIP"] = next(address for address in candidates if address not in taken)
        return []
    if wanted in taken:
        return [_refused(wanted, "provided IP is already allocated")]
    if IPv4Address(wanted) not in ADDRESSES:
        return [
            _refused(
                wanted, f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {ADDRESSES}"
            )
        ]
    return []


def _refused(address: str, why: str) -> Problem:
    return invalid("spec.clusterIPs", [address], f"failed to allocate IP {address}: {why}")


def _allocate_node_ports(spec: JsonObject, others: Iterable[JsonObject]) -> list[Problem]:
    taken = {port.get("nodePort") for other in others for _, port in indexed(other, "spec", "ports")}
    for index, port in indexed(spec, "ports"):
        wanted = port.get("nodePort")
        if not wanted:
            port["nodePort"] = next(number for number in _NODE_PORTS if number not in taken)
        elif wanted in taken:
            return [invalid(f"spec.ports[{index}].nodePort", wanted, "provided port is already allocated")]
        elif wanted not in _NODE_PORTS:
            valid = f"The range of valid ports is {_NODE_PORTS[0]}-{_NODE_PORTS[-1]}"
            why = f"provided port is not in the valid range. {valid}"
            return [invalid(f"spec.ports[{index}].nodePort", wanted, why)]
        taken.add(port["nodePort"])
    return []


def _check(obj: JsonObject) -> list[Problem]:
    spec = obj["spec"]
    headless = spec.get("clusterIP") == "None"
    found = []
    if not items(spec, "ports") and not headless and spec["type"] != "ExternalName":
        found.append(required("spec.ports"))
    found += _check_type(spec, headless=headless)
    found += _check_ports(spec)
    found += check_labels(mapping(spec, "selector"), "spec.selector")
    found += one_of(spec["sessionAffinity"], ("ClientIP", "None"), "spec.sessionAffinity")
    found += _check_addresses(spec)
    return found + one_of(spec["type"], _TYPES, "spec.type")


def _check_type(spec: JsonObject, *, headless: bool) -> list[Problem]:
    if spec["type"] in _OUTWARD and headless:
        return [invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec['type']} services")]
    if spec["type"] != "ExternalName":
        return []
    found = [forbidden("spec.clusterIPs", "may not be set for ExternalName services")] if spec.get("clusterIP") else []
    cname = spec.get("externalName", "").removesuffix(".")
    return found + (
        all_of(cname, names.dns_subdomain, "spec.externalName") if cname else [required("spec.externalName")]
    )


def _check_ports(spec: JsonObject) -> list[Problem]:
    ports = items(spec, "ports")
    found: list[Problem] = []
    taken: set[str] = set()
    for index, port in indexed(spec, "ports"):
        path, name = f"spec.ports[{index}]", port.get("name", "")
        if not name and len(ports) > 1:
            found.append(required(f"{path}.name"))
        if name:
            found += all_of(name, names.dns_label, f"{path}.name")
            found += [duplicate(f"{path}.name", name)] if name in taken else []
        taken |= {name} - {""}
        found += check_port(port.get("port", 0), f"{path}.port")
        found += one_of(port.get("protocol"), ("SCTP", "TCP", "UDP"), f"{path}.protocol")
        found += check_port_or_name(port.get("targetPort", 0), f"{path}.targetPort")
        if port.get("nodePort") and spec["type"] == "ClusterIP":
            found.append(forbidden(f"{path}.nodePort", "may not be used when `type` is 'ClusterIP'"))
    return found + _check_distinct(ports)


def _check_distinct(ports: list[JsonObject]) -> list[Problem]:
    keys = [(port.get("protocol"), port.get("port")) for port in ports]
    return [
        duplicate(f"spec.ports[{index}]", {"port": port.get("port"), "protocol": port.get("protocol"), "targetPort": 0})
        for index, port in enumerate(ports)
        if keys[index] in keys[:index]
    ]


def _check_addresses(spec: JsonObject) -> list[Problem]:
    addresses = items(spec, "clusterIPs")
    if spec.get("clusterIP") and addresses[:1] != [spec["clusterIP"]]:
        return [invalid("spec.clusterIPs", addresses, "first value must match `clusterIP`")]
    if addresses and not spec.get("clusterIP"):
        return [invalid("spec.clusterIPs", addresses, "must be empty when `clusterIP` is not specified")]
    return [
        invalid(f"spec.clusterIPs[{index}]", address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        for index, address in enumerate(addresses)
        if address != "None" and not _is_address(address)
    ]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_change(new: JsonObject, old: JsonObject) -> list[Problem]:
    before, after = items(old, "spec", "clusterIPs"), items(new, "spec", "clusterIPs")
    if "ExternalName" in {new["spec"]["type"], old["spec"]["type"]}:
        return []
    return [
        invalid(f"spec.clusterIPs[{index}]", after, "may not change once set")
        for index, address in enumerate(before)
        if index < len(after) and after[index] != address
    ]


SERVICE = Kind(
    read=through("io.k8s.api.core.v1.Service"),
    complete=_complete,
    check=_check,
    check_change=_check_change,
    check_name=names.dns_1035_label,
    begin=_begin,
    inherit=_inherit,
    subresources={"status": keep_spec},
    allocate=_allocate,
    created_by_put=True,
    returns_deleted=True,
)
