"""The guard of an operation: admits a request, or refuses it with 401 or 403.

Theory of operation. A requirement is a list of alternatives (OR), each a list of required
credentials (AND): a check, and the scopes that the credential must have. Alternatives are tried in
the order of the document, each check runs once, and the first alternative that is met admits the
request. An anonymous request is one that has no credential at all: where anonymous requests are
allowed, an invalid credential is still refused, so that a client learns that its token has expired.

A refusal does not depend on the reason for which a credential was invalid; the reason is logged, at
debug level. It has a challenge for each scheme of all alternatives (401), or names the missing
scopes (403, RFC 6750, section 3.1).

By default, shared caches do not store the response to a request with ``Authorization`` (RFC 9111,
section 3.5). They do not know of keys in other locations or of certificates: for these, every
response, errors included, has ``Cache-Control: private``, and ``Vary`` names the fields on which it
depends, so that a browser does not reuse the response for another key. Where anonymous requests are
also admitted, ``Vary`` separates their responses. These fields are computed at start-up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from photon_runtime.callables import require_value
from photon_runtime.escapes import as_failure
from photon_runtime.http import Handler, HttpError, Request, Response, add_vary, keep_private

from ._identity import set_identities
from ._verifier import BadCredential, Binding, Challenge, NoCredential, Verified

_log = logging.getLogger("photon.security")

_CheckResult: TypeAlias = Verified | BadCredential | None
"""The result of a check: a verified credential, an invalid one, or no credential."""
_INVALID = ("error", "invalid_token")


@attrs.frozen
class RequiredCredential:
    """One credential that an alternative requires.

    Attributes:
        name: The name of the scheme in the document.
        binding: The verifier, bound to the scheme.
        scopes: The scopes that the credential must have.
    """

    name: str
    binding: Binding
    scopes: frozenset[str]


class Guard:
    """Admits requests that meet one of the alternatives.

    Args:
        alternatives: The alternatives, each of at least one credential.
        is_optional: Whether a request without any credential is admitted, too.
    """

    __slots__ = ("_alternatives", "_challenges", "_is_optional", "_is_private", "_vary")

    def __init__(
        self, alternatives: Sequence[Sequence[RequiredCredential]], *, is_optional: bool
    ) -> None:
        """Compute the challenges and the fields of responses."""
        self._alternatives = tuple(map(tuple, alternatives))
        self._is_optional = is_optional
        credentials = [each for alternative in alternatives for each in alternative]
        self._challenges = {each.name: each.binding.challenge for each in credentials}
        fields = dict.fromkeys(each.binding.field for each in credentials)
        self._is_private = any(
            field is None or field.lower() != "authorization" for field in fields
        )
        has_vary = self._is_private or is_optional
        self._vary = tuple(field for field in fields if field is not None and has_vary)

    def wrap(
        self, endpoint: Handler, error_response: Callable[[Request, Exception], Response]
    ) -> Handler:
        """Return ``endpoint`` behind this guard.

        Args:
            endpoint: Handler of the requests that are admitted.
            error_response: Function that returns the response to an error; used where error
                responses need fields for caches, too.
        """
        if not (self._is_private or self._vary):

            def run(request: Request) -> Response:
                self(request)
                return endpoint(request)

            return run

        def run_and_mark(request: Request) -> Response:
            try:
                self(request)
                response = endpoint(request)
            except BaseException as error:
                response = error_response(request, as_failure(error))
            for field in self._vary:
                add_vary(response, field)
            if self._is_private:
                keep_private(response, unless_public=True)
            return response

        return run_and_mark

    def __call__(self, request: Request) -> None:
        """Admit ``request``, and store the identity of its sender.

        Raises:
            HttpError: 401 or 403; or the error of a verifier that cannot verify now.
        """
        results: dict[str, _CheckResult] = {}
        insufficient: frozenset[str] | None = None
        for alternative in self._alternatives:
            own = [_check(each, request, results) for each in alternative]
            if all(isinstance(result, Verified) for result in own):
                missing = frozenset().union(*map(_missing_scopes, alternative, own))
                if not missing:
                    names = (each.name for each in alternative)
                    set_identities(request, dict(zip(names, map(_identity, own), strict=True)))
                    return
                scopes = frozenset().union(*(each.scopes for each in alternative))
                insufficient = insufficient or scopes
        if insufficient:
            raise self._forbidden(insufficient)
        if not self._is_optional or any(results.values()):
            raise self._unauthorized(results)

    def _unauthorized(self, results: Mapping[str, _CheckResult]) -> HttpError:
        is_bad: dict[Challenge, bool] = {}
        for name, challenge in self._challenges.items():
            bad = isinstance(results[name], BadCredential)
            is_bad[challenge] = is_bad.get(challenge, False) or bad
        values = [
            challenge.field_value([_INVALID] if bad and challenge.scheme == "Bearer" else ())
            for challenge, bad in is_bad.items()
        ]
        is_any_bad = any(is_bad.values())
        detail = "the credentials are invalid" if is_any_bad else "credentials are required"
        return HttpError(401, detail, headers={"www-authenticate": ", ".join(values)})

    def _forbidden(self, scopes: frozenset[str]) -> HttpError:
        more = [("error", "insufficient_scope"), ("scope", " ".join(sorted(scopes)))]
        values = [
            challenge.field_value(more)
            for challenge in dict.fromkeys(self._challenges.values())
            if challenge.scheme == "Bearer"
        ]
        headers = {"www-authenticate": ", ".join(values)} if values else {}
        return HttpError(403, "the credentials do not allow this operation", headers=headers)


def _check(
    required: RequiredCredential, request: Request, results: dict[str, _CheckResult]
) -> _CheckResult:
    """Return the result of a check, which runs once however often it is required."""
    name = required.name
    if name not in results:
        try:
            results[name] = _verified(required.binding.check(request), required)
        except NoCredential:
            results[name] = None
        except BadCredential as error:
            _log.debug("%s %s: %s: %s", request.method, request.raw_path, name, error)
            results[name] = error
    return results[name]


def _verified(result: object, required: RequiredCredential) -> Verified:
    """Return the result of a check: anything but a `Verified` is an error."""
    if type(result) is not Verified and not isinstance(result, Verified):
        require_value(result, required.binding.check)
        raise TypeError(
            f"the verifier of {required.name} returned a {type(result).__name__}, not a Verified"
        )
    return result


def _missing_scopes(required: RequiredCredential, result: _CheckResult) -> frozenset[str]:
    if not required.scopes or not isinstance(result, Verified):
        return frozenset()
    if result.scopes is None:
        raise TypeError(
            f"{required.name}: the operation requires {', '.join(sorted(required.scopes))}, and "
            f"the identity (a {type(result.identity).__name__}) has no `scopes`"
        )
    return frozenset() if required.scopes <= result.scopes else required.scopes - result.scopes


def _identity(result: _CheckResult) -> object:
    return result.identity if isinstance(result, Verified) else None
