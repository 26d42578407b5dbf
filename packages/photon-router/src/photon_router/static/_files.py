"""Which file answers a request.

Theory of operation. The path below the mount becomes plain names (`_names`), and those are walked
(`_folder`). Where a name leads to a folder, its index answers, at the address with a slash at its
end, so that relative links in it are right. Where there is no file, a name with a fingerprint is
looked for without it; one that is not of this content, from a page of another version, gets the
content that there is, but is not kept by anybody. Last come the page of an application that routes
in the browser, for navigations alone, and 404: to answer a missing script with a page would only
move the error to where nobody understands it.

Nothing is remembered between requests but digests: a file that is replaced is served as it now is.
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
from photon_runtime.http import FileBody, HttpError, Request, Response, names_media_type
from photon_runtime.media_types import HTML

from ..responses import Redirect
from ._answer import NOSNIFF, Answer
from ._content_type import ContentTypes, is_html
from ._fingerprint import Digests, with_fingerprint, without_fingerprint
from ._folder import OpenFile, Walk, is_absence
from ._names import names_of
from ._variants import Variant, choose_variant

_FOREVER = "max-age=31536000, immutable"  # what was asked for by its fingerprint
_NEVER_KEPT = "no-store"  # what was asked for by the fingerprint of another version
_REVALIDATE = "no-cache"
_ALLOW = {"allow": "GET, HEAD, OPTIONS"}


def _folder(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.abspath(path))


def _name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and names_of(value, raw_path="", hidden=True) is None:
        raise ValueError(f"`{attribute.name}` is a relative path of a file, not {value!r}")


@attrs.define(eq=False)
class StaticFiles:
    """A handler that serves a folder; to be mounted: ``app.mount("/static", StaticFiles(…))``.

    Answers GET and HEAD, with validators, preconditions and ranges (RFC 9110, sections 8.8, 13 and
    14). Symbolic links are not followed and names that begin with a dot not served, but for the
    folder ``.well-known``.

    Args:
        folder: Where the files are; from the working directory, if it is not absolute.
        index: Name of the file that answers for a folder; empty for none.
        fallback: Path below ``folder`` of the page that answers for what is not there, where
            somebody navigates to it (``Accept`` names ``text/html``) and its name has no ending:
            for applications that route in the browser. Empty for none.
        not_found: Path below ``folder`` of the page that people see with a 404; empty for none.
        max_age: Seconds for which files may be used without asking again; pages are always asked
            for again.
        private: Whether no shared cache may keep files: they are for those alone whom a layer
            lets through. By itself (``None``) they are so where layers of a router lie around them,
            since any of those may ask who comes; layers of the application are not looked at.
        cache_control: Values of ``Cache-Control`` by patterns of paths, as in ``{"fonts/*":
            "public, max-age=86400"}``, where ``*`` stands for slashes, too; the first that fits
            counts before all else, also for addresses with a fingerprint.
        content_types: Media types by ending, as in ``{".gltf": "model/gltf+json"}``.
        precompressed: Whether ``app.js.br``, ``.zst`` and ``.gz`` are sent for ``app.js``.
        follow_symlinks: Whether symbolic links are followed that stay inside of ``folder``.
        hidden: Whether names that begin with a dot are served.
        base_url: What `url` begins with, as in ``https://cdn.example.com/static``; empty for where
            it is mounted.

    Raises:
        PhotonError: There is no such folder, or one of the pages named is not in it.
        ValueError: An option is wrong.

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
    _is_private: bool = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Look whether everything is there."""
        self._types = ContentTypes(self.content_types)
        self._is_private = bool(self.private)
        if not self.folder.is_dir():
            raise PhotonError(f"there is no folder {str(self.folder)!r} to serve files from")
        for name in filter(None, (self.fallback, self.not_found)):
            found = self._open(name.split("/"))
            if found is None:
                raise PhotonError(f"there is no file {name!r} in {str(self.folder)!r}")
            found.close()

    # -- addresses ----------------------------------------------------------------------------

    def mounted_at(self, prefix: str, *, is_guarded: bool) -> None:
        """Learn where it is mounted, and behind what; the application says so when it starts.

        What may be guarded in one place, of one application, is private in all of them.
        """
        self._prefix = None if "{" in prefix else prefix.rstrip("/")
        if self.private is None and is_guarded:
            self._is_private = True

    def url(self, path: str) -> str:
        """Return the address of a file, with its fingerprint: what is there may be kept forever.

        Args:
            path: The file's path below the folder, with slashes.

        Raises:
            FileNotFoundError: There is no such file.
            RuntimeError: Neither is it mounted in an application that was started, nor was
                ``base_url`` given.

        Blocks: the calling task, while the digest of the file is worked out for the first time.
        """
        base = self.base_url.rstrip("/") or self._prefix
        if base is None:
            raise RuntimeError("addresses are known once the application has started")
        names = names_of(path, raw_path="", hidden=self.hidden)
        opened = None if names is None else self._open(names)
        if names is None or opened is None:
            raise FileNotFoundError(f"there is no file {path!r} in {str(self.folder)!r}")
        try:
            digest = self._digests.of(names, opened)
        finally:
            opened.close()
        return "/".join([base, *map(quote, (*names[:-1], with_fingerprint(names[-1], digest)))])

    # -- requests -----------------------------------------------------------------------------

    def __call__(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            HttpError: 404, 405, 412 or 416.
        """
        if request.method not in ("GET", "HEAD"):
            if request.method == "OPTIONS":
                return Response(204, headers=_ALLOW)
            raise HttpError(405, f"{request.method} is not possible here", headers=_ALLOW)
        path = request.path_values[-1] if _is_below(request) else ""
        names: Sequence[str] | None = ()
        if path:
            path = path.removesuffix("/")
            names = names_of(path, raw_path=request.raw_path, hidden=self.hidden)
        response = None if names is None else self._find(request, names)
        return self._missing(request, names) if response is None else response

    def _find(self, request: Request, names: Sequence[str]) -> Response | None:
        """Answer by what is there, ``None`` where there is nothing."""
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
        """Answer by a file, ``None`` where there is none.

        Args:
            request: The request.
            names: Where the file is.
            digest: What its content was said to have.
            vary: The request fields that led here, beside the path.
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
        return Answer(variant, content_type, cache_control, vary).respond(request)

    def _variant(self, walk: Walk, name: str, opened: OpenFile, request: Request) -> Variant:
        if not self.precompressed:
            return Variant(opened)
        return choose_variant(walk, name, opened, request)

    def _cache_control(
        self, names: Sequence[str], opened: OpenFile, content_type: str, digest: str | None
    ) -> str:
        if digest is not None and self._digests.of(names, opened) != digest:
            return _NEVER_KEPT
        path = "/".join(names)
        for pattern, value in self.cache_control.items():
            if fnmatchcase(path, pattern):
                return value
        if digest is not None:
            return self._for_whom(_FOREVER)
        if not self.max_age or is_html(content_type):
            return self._for_whom(_REVALIDATE)
        return self._for_whom(f"max-age={self.max_age}")

    def _for_whom(self, freshness: str) -> str:
        if self._is_private:
            return f"private, {freshness}"
        return freshness if freshness == _REVALIDATE else f"public, {freshness}"

    def _to_index(self, request: Request, names: Sequence[str]) -> Response | None:
        """Send the client to the address of a folder, if that has an index."""
        opened = self._open((*names, self.index)) if self.index else None
        if opened is None:
            return None
        opened.close()
        # One slash: with two it would be the address of another host.
        location = f"/{request.raw_path.lstrip('/')}/"
        query = f"?{request.raw_query}" if request.raw_query else ""
        return Redirect(location + query, status=307)

    def _fingerprinted(self, request: Request, names: Sequence[str]) -> Response | None:
        taken = without_fingerprint(names[-1])
        if taken is None:
            return None
        return self._file(request, (*names[:-1], taken.name), digest=taken.digest)

    def _missing(self, request: Request, names: Sequence[str] | None) -> Response:
        """Answer where there is nothing; ``names`` is ``None`` for what cannot be there."""
        if self.fallback or self.not_found:
            is_page = names is not None and (not names or "." not in names[-1])
            response = self._page(request, is_route=is_page) if _takes_html(request) else None
            if response is not None:
                return response
        vary = {"vary": "Accept"} if self.fallback or self.not_found else {}
        path = shorten(request.path, limit=200)
        raise HttpError(404, f"there is nothing at {path}", headers=vary)

    def _page(self, request: Request, *, is_route: bool) -> Response | None:
        """Return the page for what is not there."""
        if self.fallback and is_route:
            return self._file(request, self.fallback.split("/"), vary=("Accept",))
        opened = self._open(self.not_found.split("/")) if self.not_found else None
        if opened is None:
            return None
        page = Response(404, body=FileBody(opened.file))
        page.content_type = self._types.of(self.not_found)
        caching = self._for_whom(_REVALIDATE)
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
    """Say whether a request is for what is below the mount, and not for the mount itself."""
    return request.route is not None and request.route.template.endswith("/{path}")


def _takes_html(request: Request) -> bool:
    """Say whether somebody navigates: scripts and images do not name ``text/html``."""
    return names_media_type(", ".join(request.headers.getlist("accept")), HTML)
