"""The verbs as requests ask for them: from query and body to the API, and from its objects to an answer."""

from collections.abc import Sequence
from dataclasses import replace

from infra.local.kubernetes import errors
from infra.local.kubernetes.answers import Response
from infra.local.kubernetes.api import Api, Deletion, Target, Write, scaled
from infra.local.kubernetes.listing import Lister, Page, selection_of
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.options import body_of, deletion_of, patch_of, write_of
from infra.local.kubernetes.representations import Representation, negotiate
from infra.local.kubernetes.request import Request
from infra.local.kubernetes.store import Stored
from infra.local.kubernetes.watching import WatchOptions, WatchStream


class Verbs:
    """One method a verb. All of them raise `ApiError` for a request that is refused."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lister = Lister(api.store)

    def create(self, request: Request, target: Target) -> tuple[Response, str]:
        """The answer, and the name of the new object, which only the body of the request may have."""
        form, write = negotiate(request), write_of(request, "CreateOptions")
        obj = self._api.create(target, body_of(request, target, target.resource.kind), write)
        return self._one(form, target, obj, write, 201), obj["metadata"]["name"]

    def read(self, request: Request, target: Target) -> Response:
        form = negotiate(request)
        stored = self._api.get(target)
        resource = target.resource
        if target.subresource == "scale" and resource.scale:
            return Response(200, form.encode(resource.scale.read(stored.obj)), form.media_type)
        if form == Representation() and resource.from_storage(stored.obj) is stored.obj:
            return Response(200, stored.text)
        return Response(200, form.one(resource, stored.obj, self._api.now()), form.media_type)

    def list_all(self, request: Request, target: Target) -> Response:
        form, resource = negotiate(request), target.resource
        selection = selection_of(request, resource, target.namespace)
        limit, token = request.number("limit") or 0, request.query.get("continue", "")
        page = self._lister.page(resource, selection, limit, token)
        return Response(200, form.many(resource, page, self._api.now()), form.media_type)

    def watch(self, request: Request, target: Target) -> Response:
        form, resource = negotiate(request), target.resource
        selection = selection_of(request, resource, target.namespace)
        initial = request.flag("sendInitialEvents")
        since = None if initial else request.number("resourceVersion") or None
        options = WatchOptions(since, request.number("timeoutSeconds"), mark_initial_end=initial)

        def show(obj: JsonObject, first: bool) -> JsonObject:
            return form.shown(resource, obj, self._api.now(), headers=first)

        return Response(200, WatchStream(self._api.store, resource, selection, options, show))

    def update(self, request: Request, target: Target) -> Response:
        form, write = negotiate(request), write_of(request, "UpdateOptions")
        if target.subresource == "scale":
            body = body_of(request, target, "Scale")
            return Response(200, form.encode(scaled(target, self._api, lambda _: body, write)), form.media_type)
        obj, created = self._api.replace(target, body_of(request, target, target.resource.kind), write)
        return self._one(form, target, obj, write, 201 if created else 200)

    def patch(self, request: Request, target: Target) -> Response:
        form, write = negotiate(request), write_of(request, "PatchOptions")
        patch = patch_of(request, target)
        if target.subresource == "scale":
            return Response(200, form.encode(scaled(target, self._api, patch, write)), form.media_type)
        return self._one(form, target, self._api.patch(target, patch, write), write, 200)

    def delete(self, request: Request, target: Target) -> Response:
        form = negotiate(request)
        options, dry_run = deletion_of(request)
        obj, gone = self._api.delete(target, options, dry_run=dry_run)
        resource = target.resource
        if not gone or resource.rules.returns_deleted:
            return Response(200, form.one(resource, obj, self._api.now()), form.media_type)
        details = {
            "name": target.name,
            "group": resource.group,
            "kind": resource.plural,
            "uid": obj["metadata"]["uid"],
        }
        return Response(200, form.encode(errors.success({key: value for key, value in details.items() if value})))

    def delete_all(self, request: Request, target: Target) -> Response:
        form, resource = negotiate(request), target.resource
        selection = selection_of(request, resource, target.namespace)
        options, dry_run = deletion_of(request)
        page = self._lister.page(resource, selection, 0, "")
        self._delete_each(target, page.entries, options, dry_run=dry_run)
        shown = Page(page.entries, self._api.store.revision)
        return Response(200, form.many(resource, shown, self._api.now()), form.media_type)

    def _delete_each(self, target: Target, entries: Sequence[Stored], options: Deletion, *, dry_run: bool) -> None:
        for entry in entries:
            metadata = entry.obj["metadata"]
            each = replace(target, namespace=metadata.get("namespace", ""), name=metadata["name"])
            self._api.delete(each, options, dry_run=dry_run)

    def _one(self, form: Representation, target: Target, obj: JsonObject, write: Write, status: int) -> Response:
        headers = tuple(("Warning", f'299 - "{_escaped(text)}"') for text in write.warnings)
        return Response(status, form.one(target.resource, obj, self._api.now()), form.media_type, headers)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
