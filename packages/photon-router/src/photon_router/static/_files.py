"""The file for a request.

Theory of operation. The path below the mount is split into plain names (`_names`), which are walked
(`_folder`). If they name a folder, its index is sent, at the address with a trailing slash, so that
relative links in it are right. If the file does not exist, a name with a fingerprint is looked up
without the fingerprint; if the digest is that of another version, the response has the current
content, but must not be stored. Finally, navigations get the page of an application that routes in
the browser, and other requests 404: a page in place of a missing script would only hide the error.

Only digests are cached between requests: a file that is replaced is served in its new version.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

import attrs

from photon_openapi.messages import shorten
from photon_runtime.errors import PhotonError
from photon_runtime.http import (
    FileBody,
    HttpError,
    Request,
    Response,
    current_root_path,
    names_media_type,
)
from photon_runtime.media_types import HTML

from ..files import (
    NOSNIFF,
    ContentTypes,
    FileResponder,
    OpenFile,
    Variant,
    is_absence,
    is_html,
)
from ..responses import Redirect
from ._fingerprint import Digests, with_fingerprint, without_fingerprint
from ._folder import Walk
from ._names import names_of
from ._variants import choose_variant

_IMMUTABLE = "max-age=31536000, immutable"  # requested by its fingerprint
_NO_STORE = "no-store"  # requested by the fingerprint of another version
_REVALIDATE = "no-cache"
_ALLOW = {"allow": "GET, HEAD, OPTIONS"}


def _folder(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.abspath(path))


def _name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and names_of(value, raw_path="", hidden=True) is None:
        raise ValueError(f"`{attribute.name}` is a relative path of a file, not {value!r}")


@attrs.define(eq=False)
class StaticFiles:
    """A handler that serves a folder: ``app.mount("/static", StaticFiles(…))``.

    Serves GET and HEAD, with validators, preconditions and ranges (RFC 9110, sections 8.8, 13 and
    14). Symbolic links are not followed, and names that begin with a dot are not served, except the
    folder ``.well-known``.

    Args:
        folder: The folder of the files; relative to the working directory, if it is not absolute.
        index: Name of the file that is sent for a folder; empty to disable it.
        fallback: Path below ``folder`` of the page that is sent if the file does not exist, the
            request is a navigation (``Accept`` names ``text/html``) and the name has no suffix:
            for applications that route in the browser. Empty to disable it.
        not_found: Path below ``folder`` of the page that is sent with 404; empty to disable it.
        max_age: Seconds for which clients may use files without revalidation; pages are always
            revalidated.
        private: True if shared caches must not store files, because middleware restricts access.
            By default (``None``) it is true below middleware of a router, any of which may
            authenticate requests; middleware of the application is not considered.
        cache_control: Values of ``Cache-Control`` by patterns of paths, as in ``{"fonts/*":
            "public, max-age=86400"}``, where ``*`` matches slashes, too; the first match takes
            precedence over all other options, also for addresses with a fingerprint.
        content_types: Media types by suffix, as in ``{".gltf": "model/gltf+json"}``.
        precompressed: True to send ``app.js.br``, ``.zst`` and ``.gz`` for ``app.js``.
        follow_symlinks: True to follow symbolic links to targets inside of ``folder``.
        hidden: True to serve names that begin with a dot.
        base_url: Base of the addresses of `url`, as in ``https://cdn.example.com/static``; empty
            for the path of the mount.

    Raises:
        PhotonError: The folder does not exist, or does not contain one of the pages.
        ValueError: An option is invalid.

    Example:
        >>> from photon_router import Application, StaticFiles
        >>> app = Application()
        >>> app.mount("/static", StaticFiles("/usr/share", max_age=3600))
    """

    folder: Path = attrs.field(converter=_folder)
    index: str = attrs.field(default="index.html", kw_only=True, validator=_name)
    fallback: str = attrs.field(default="", kw_only=True, validator=_name)
    not_found: str = attrs.field(default="", kw_only=True, validator=_name)
    max_age: int = attrs.field(default=0, kw_only=True, validator=attrs.validators.ge(0))
    private: bool | None = attrs.field(default=None, kw_only=True)
    cache_control: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    content_types: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    precompressed: bool = attrs.field(default=True, kw_only=True)
    follow_symlinks: bool = attrs.field(default=False, kw_only=True)
    hidden: bool = attrs.field(default=False, kw_only=True)
    base_url: str = attrs.field(default="", kw_only=True)
    _digests: Digests = attrs.field(factory=Digests, init=False, repr=False)
    _types: ContentTypes = attrs.field(init=False, repr=False)
    _prefix: str | None = attrs.field(default=None, init=False, repr=False)
    _root_path: str = attrs.field(default="", init=False, repr=False)
    _is_private: bool = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check that the folder and the pages exist."""
        self._types = ContentTypes(self.content_types)
        self._is_private = bool(self.private)
        if not self.folder.is_dir():
            raise PhotonError(f"the folder of static files does not exist: {str(self.folder)!r}")
        for name in filter(None, (self.fallback, self.not_found)):
            page = self._open(name.split("/"))
            if page is None:
                raise PhotonError(f"the file {name!r} does not exist in {str(self.folder)!r}")
            page.close()

    # -- addresses ----------------------------------------------------------------------------

    def mounted_at(self, prefix: str, *, is_guarded: bool, root_path: str = "") -> None:
        """Set the path of the mount, and whether it is guarded; called when the application starts.

        Files that are guarded in one mount, of one application, are private in all of them.

        Args:
            prefix: The path of the mount.
            is_guarded: True if middleware of a router may restrict access.
            root_path: Root path of the application outside of requests.
        """
        self._root_path = root_path
        self._prefix = None if "{" in prefix else prefix.rstrip("/")
        if self.private is None and is_guarded:
            self._is_private = True

    def url(self, path: str) -> str:
        """Return the address of a file with its fingerprint, whose content never changes.

        It is below the root path of the running request, or of the settings outside of requests.

        Args:
            path: The file's path below the folder, with slashes.

        Raises:
            FileNotFoundError: The file does not exist.
            RuntimeError: The application has not started yet, and ``base_url`` is empty.

        Blocks: the calling task, while the digest of the file is computed for the first time.
        """
        base = self.base_url.rstrip("/") or self._public_prefix()
        if base is None:
            raise RuntimeError("addresses of files are unknown before the application has started")
        names = names_of(path, raw_path="", hidden=self.hidden)
        opened = None if names is None else self._open(names)
        if names is None or opened is None:
            raise FileNotFoundError(f"the file {path!r} does not exist in {str(self.folder)!r}")
        try:
            digest = self._digests.of(names, opened)
        finally:
            opened.close()
        return "/".join([base, *map(quote, (*names[:-1], with_fingerprint(names[-1], digest)))])

    def _public_prefix(self) -> str | None:
        if self._prefix is None:
            return None
        root_path = current_root_path()
        return (self._root_path if root_path is None else root_path) + self._prefix

    # -- requests -----------------------------------------------------------------------------

    def __call__(self, request: Request) -> Response:
        """Return the response to a request.

        Raises:
            HttpError: 404, 405, 412 or 416.
        """
        if request.method not in ("GET", "HEAD"):
            if request.method == "OPTIONS":
                return Response(204, headers=_ALLOW)
            path = shorten(request.path, limit=200)
            detail = f"method {request.method} is not allowed for {path}"
            raise HttpError(405, detail, headers=_ALLOW)
        path = request.path_values[-1] if _is_below(request) else ""
        names: Sequence[str] | None = ()
        if path:
            path = path.removesuffix("/")
            names = names_of(path, raw_path=request.raw_path, hidden=self.hidden)
        response = None if names is None else self._find(request, names)
        return self._missing(request, names) if response is None else response

    def _find(self, request: Request, names: Sequence[str]) -> Response | None:
        """Return the response with the file at ``names``, ``None`` if it does not exist."""
        if request.raw_path.endswith("/"):
            return self._file(request, (*names, self.index)) if self.index else None
        if not names:  # the mount itself, without a slash
            return self._to_index(request, names)
        return (
            self._file(request, names)
            or self._fingerprinted(request, names)
            or self._to_index(request, names)
        )

    def _file(
        self,
        request: Request,
        names: Sequence[str],
        *,
        digest: str | None = None,
        vary: tuple[str, ...] = (),
    ) -> Response | None:
        """Return the response with a file, ``None`` if it does not exist.

        Args:
            request: The request.
            names: The names along the path of the file.
            digest: The digest of its content in the requested name.
            vary: The request fields that selected the file, besides the path.
        """
        content_type = self._types.of(names[-1])
        try:
            with self._walk() as walk:
                walk.enter(names[:-1])
                opened = walk.open(names[-1])
                if opened is None:
                    return None
                try:
                    cache_control = self._cache_control(names, opened, content_type, digest)
                    variant = self._variant(walk, names[-1], opened, request)
                except BaseException:
                    opened.close()
                    raise
        except OSError as error:
            if is_absence(error):
                return None
            raise
        return FileResponder(variant, content_type, cache_control, vary).respond(request)

    def _variant(self, walk: Walk, name: str, opened: OpenFile, request: Request) -> Variant:
        if not self.precompressed:
            return Variant(opened)
        return choose_variant(walk, name, opened, request)

    def _cache_control(
        self, names: Sequence[str], opened: OpenFile, content_type: str, digest: str | None
    ) -> str:
        if digest is not None and self._digests.of(names, opened) != digest:
            return _NO_STORE
        path = "/".join(names)
        for pattern, value in self.cache_control.items():
            if fnmatchcase(path, pattern):
                return value
        if digest is not None:
            return self._with_privacy(_IMMUTABLE)
        if not self.max_age or is_html(content_type):
            return self._with_privacy(_REVALIDATE)
        return self._with_privacy(f"max-age={self.max_age}")

    def _with_privacy(self, freshness: str) -> str:
        if self._is_private:
            return f"private, {freshness}"
        return freshness if freshness == _REVALIDATE else f"public, {freshness}"

    def _to_index(self, request: Request, names: Sequence[str]) -> Response | None:
        """Redirect to the address of a folder, if the folder has an index."""
        opened = self._open((*names, self.index)) if self.index else None
        if opened is None:
            return None
        opened.close()
        # A single slash: an address with two names another host.
        location = f"/{request.public_path.lstrip('/')}/"
        query = f"?{request.raw_query}" if request.raw_query else ""
        return Redirect(location + query, status=307)

    def _fingerprinted(self, request: Request, names: Sequence[str]) -> Response | None:
        split = without_fingerprint(names[-1])
        if split is None:
            return None
        return self._file(request, (*names[:-1], split.name), digest=split.digest)

    def _missing(self, request: Request, names: Sequence[str] | None) -> Response:
        """Return the response for a missing file; ``names`` is ``None`` for an invalid path."""
        if self.fallback or self.not_found:
            is_page = names is not None and (not names or "." not in names[-1])
            response = self._page(request, is_route=is_page) if _accepts_html(request) else None
            if response is not None:
                return response
        vary = {"vary": "Accept"} if self.fallback or self.not_found else {}
        path = shorten(request.path, limit=200)
        raise HttpError(404, f"no file matches {path}", headers=vary)

    def _page(self, request: Request, *, is_route: bool) -> Response | None:
        """Return the page for a missing file."""
        if self.fallback and is_route:
            return self._file(request, self.fallback.split("/"), vary=("Accept",))
        opened = self._open(self.not_found.split("/")) if self.not_found else None
        if opened is None:
            return None
        page = Response(404, body=FileBody(opened.file))
        page.content_type = self._types.of(self.not_found)
        caching = self._with_privacy(_REVALIDATE)
        page.headers = [("cache-control", caching), ("vary", "Accept"), NOSNIFF]
        return page

    def _open(self, names: Sequence[str]) -> OpenFile | None:
        try:
            with self._walk() as walk:
                walk.enter(names[:-1])
                return walk.open(names[-1])
        except OSError as error:
            if is_absence(error):
                return None
            raise

    def _walk(self) -> Walk:
        return Walk(str(self.folder), follow_symlinks=self.follow_symlinks)


def _is_below(request: Request) -> bool:
    """Return whether the path is below the mount, and not the mount itself."""
    return request.route is not None and request.route.template.endswith("/{path}")


def _accepts_html(request: Request) -> bool:
    """Return whether a request is a navigation: scripts and images do not name ``text/html``."""
    return names_media_type(", ".join(request.headers.getlist("accept")), HTML)
