"""As much of Google Cloud's servers as a deployment meets: Cloud Storage, which keeps versions, the switch of the APIs,
a GKE cluster, and one value for every secret. The programs that ask are the real ones: gcloud with its plugin for
Kubernetes, and Terraform's backend for Cloud Storage.

Everything is kept in memory. It must never know what Serin asks for.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster
    from tests.support.web import Behaviour, Received

_APIS = ("CONTAINER", "SECRETMANAGER", "SERVICEUSAGE")
_BUCKET = re.compile("/storage/v1/b/(?P<bucket>[^/]+)")
_PARTS = re.compile("/storage/v1/b/[^/]+/(storageLayout|managedFolders|folders)")
"""What a bucket may have and ours has not."""

_OBJECT = re.compile("/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>.+)")
_UPLOAD = re.compile("/upload/storage/v1/b/(?P<bucket>[^/]+)/o")
_LIST = re.compile("/storage/v1/b/(?P<bucket>[^/]+)/o")
_READ = re.compile("/(?P<bucket>[^/]+)/(?P<name>serin/.+)")


@dataclass(slots=True)
class Version:
    """One version of an object in a bucket."""

    name: str
    generation: int
    content: bytes

    def shown(self) -> JsonObject:
        """As the API describes it."""
        number = str(self.generation)
        return {"name": self.name, "generation": number, "metageneration": "1", "size": str(len(self.content))}


@dataclass(slots=True)
class Bucket:
    """A bucket: its description, and every version in it, the newest last."""

    about: JsonObject
    versions: list[Version] = field(default_factory=list)
    live: dict[str, Version] = field(default_factory=dict)


class GoogleCloud(WebServer):
    """A context manager that serves. ``cluster`` is each GKE cluster, and ``secret`` is in each secret."""

    def __init__(self, cluster: Cluster, secret: str) -> None:
        super().__init__(reply())
        self.buckets: dict[str, Bucket] = {}
        self.enabled: set[str] = set()
        self._cluster, self._secret = cluster, secret
        self._numbers = itertools.count(1)

    def environment(self, home: Path) -> dict[str, str]:
        """What makes gcloud and Terraform ask here, with nothing of the user's; ``home`` is a folder for it."""
        (home / "token").write_text(self._cluster.token)
        return {
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(home / "token"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.url}/storage/v1/",
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"{self.url}/" for name in _APIS},
            "GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT": f"{self.url}/storage/v1/",
        }

    def take(self, request: Received) -> Behaviour:
        """Remember a request, and answer it."""
        super().take(request)
        split = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        with self._lock:
            status, answer = self._answer(request, unquote(split.path), query)
        headers = {"Content-Type": "application/json"}
        return reply(status, answer if isinstance(answer, bytes) else json.dumps(answer), headers)

    def _answer(self, request: Received, path: str, query: Mapping[str, str]) -> tuple[int, Json | bytes]:
        method = request.method
        if path.endswith("/services:batchEnable"):
            self.enabled.update(json.loads(request.body)["serviceIds"])
            return 200, {"name": "operations/noop.DONE", "done": True, "response": {}}
        if "/clusters/" in path:
            return 200, self._gke(path.rpartition("/")[2])
        if path.endswith(":access"):
            return 200, {"payload": {"data": base64.b64encode(self._secret.encode()).decode()}}
        if path == "/storage/v1/b":
            return self._make(json.loads(request.body)) if method == "POST" else self._list_buckets()
        return (200, {}) if _PARTS.fullmatch(path) else self._stored(request, path, query)

    def _stored(self, request: Received, path: str, query: Mapping[str, str]) -> tuple[int, Json | bytes]:
        for form, act in (
            (_UPLOAD, self._upload),
            (_LIST, self._list),
            (_OBJECT, self._object),
            (_BUCKET, self._bucket),
            (_READ, self._object),
        ):
            if found := form.fullmatch(path):
                bucket = self.buckets.get(found["bucket"])
                return act(bucket, request, query, found) if bucket else _missing(f"bucket {found['bucket']}")
        return _missing(path)

    def _gke(self, name: str) -> JsonObject:
        authority = base64.b64encode(Path(str(self._cluster.ca_file)).read_bytes()).decode()
        return {
            "name": name,
            "status": "RUNNING",
            "endpoint": self._cluster.url.removeprefix("https://"),
            "masterAuth": {"clusterCaCertificate": authority},
        }

    def _make(self, about: JsonObject) -> tuple[int, Json]:
        self.buckets[about["name"]] = Bucket({"kind": "storage#bucket", "metageneration": "1", **about})
        return 200, self.buckets[about["name"]].about

    def _list_buckets(self) -> tuple[int, Json]:
        return 200, {"kind": "storage#buckets", "items": [bucket.about for bucket in self.buckets.values()]}

    def _bucket(
        self, bucket: Bucket, request: Received, _query: Mapping[str, str], _found: re.Match[str]
    ) -> tuple[int, Json]:
        if request.method == "PATCH":
            bucket.about |= json.loads(request.body)
        if request.method == "DELETE":
            if bucket.versions:
                return 409, {"error": {"code": 409, "message": "The bucket you tried to delete is not empty."}}
            del self.buckets[bucket.about["name"]]
        return 200, bucket.about

    def _list(
        self, bucket: Bucket, _request: Received, query: Mapping[str, str], _found: re.Match[str]
    ) -> tuple[int, Json]:
        among = bucket.versions if query.get("versions", "").lower() == "true" else bucket.live.values()
        return 200, {"items": [each.shown() for each in among if each.name.startswith(query.get("prefix", ""))]}

    def _upload(
        self, bucket: Bucket, request: Received, query: Mapping[str, str], _found: re.Match[str]
    ) -> tuple[int, Json]:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        about, content = message_from_bytes(head + request.body, policy=policy.HTTP).iter_parts()
        name = query.get("name") or json.loads(_payload(about))["name"]
        if query.get("ifGenerationMatch") == "0" and name in bucket.live:
            return 412, {"error": {"code": 412, "message": "At least one of the pre-conditions did not hold."}}
        version = Version(name, next(self._numbers), _payload(content))
        if bucket.about.get("versioning", {}).get("enabled") is not True:
            bucket.versions = [each for each in bucket.versions if each.name != name]
        bucket.versions.append(version)
        bucket.live[name] = version
        return 200, version.shown()

    def _object(
        self, bucket: Bucket, request: Received, query: Mapping[str, str], found: re.Match[str]
    ) -> tuple[int, Json | bytes]:
        name, number = found["name"], query.get("generation")
        same = [each for each in bucket.versions if each.name == name]
        live = None if number else bucket.live.get(name)
        version = next((each for each in same if str(each.generation) == number), live)
        if version is None:
            return _missing(f"object {name}")
        if request.method == "DELETE":
            return self._delete(bucket, version, for_good=number is not None)
        raw = query.get("alt") == "media" or found.re is _READ
        return 200, version.content if raw else version.shown()

    def _delete(self, bucket: Bucket, version: Version, *, for_good: bool) -> tuple[int, Json | bytes]:
        """Without a number the live version becomes one of the older ones."""
        if bucket.live.get(version.name) is version:
            del bucket.live[version.name]
        if for_good or bucket.about.get("versioning", {}).get("enabled") is not True:
            bucket.versions.remove(version)
        return 204, b""


def _payload(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def _missing(what: str) -> tuple[int, Json]:
    return 404, {"error": {"code": 404, "message": f"No such {what}", "errors": [{"reason": "notFound"}]}}
