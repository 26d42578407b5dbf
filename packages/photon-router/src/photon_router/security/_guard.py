"""The guard of an operation: lets a request in, or says what is missing.

Theory of operation. A requirement is a list of alternatives (OR), each a list of parts (AND): a
check, and the scopes that it must find. They are tried in the order of the document, each check
once, and the first alternative that is met lets the request in. Where anonymous requests are
allowed they are those that send no credential at all: one that is sent and is not good is refused,
so that a client whose token has expired learns of it.

A refusal is the same whatever was wrong with a credential; why is logged, at debug level. It asks
for all schemes of all alternatives (401), or names the scopes (403, RFC 6750, section 3.1).

Shared caches keep no answer to a request with ``Authorization`` unless they are told to (RFC 9111,
section 3.5). Of keys in other places and of certificates they know nothing: there the same is said
by ``Cache-Control: private``, in whatever is answered, errors included; and ``Vary`` names the
fields that decide, so that a browser does not take what was for another key. Where anonymous
requests are let in, too, ``Vary`` keeps theirs apart. What is said is settled at start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from photon_runtime.callables import require_value
from photon_runtime.http import Handler, HttpError, Request, Response, add_vary, keep_private

from ._identity import enter
from ._verifier import BadCredential, Binding, Challenge, NoCredential, Verified

_log = logging.getLogger("photon.security")

_Finding: TypeAlias = Verified | BadCredential | None
"""What a request shows for a scheme: a credential, a bad one, none."""
_INVALID = ("error", "invalid_token")


@attrs.frozen
class Part:
    """One credential that an alternative requires.

    Attributes:
        name: The scheme in the document.
        binding: What verifies it.
        scopes: What it must allow.
    """

    name: str
    binding: Binding
    scopes: frozenset[str]


class Guard:
    """Lets those in who meet one of the alternatives.

    Args:
        alternatives: What may be shown; each at least one credential.
        is_optional: Whether a request without any credential is let in, too.
    """

    __slots__ = ("_alternatives", "_challenges", "_is_optional", "_is_private", "_vary")

    def __init__(self, alternatives: Sequence[Sequence[Part]], *, is_optional: bool) -> None:
        """Keep the alternatives."""
        self._alternatives = tuple(map(tuple, alternatives))
        self._is_optional = is_optional
        parts = [part for alternative in alternatives for part in alternative]
        self._challenges = {part.name: part.binding.challenge for part in parts}
        fields = dict.fromkeys(part.binding.field for part in parts)
        self._is_private = any(
            field is None or field.lower() != "authorization" for field in fields
        )
        has_vary = self._is_private or is_optional
        self._vary = tuple(field for field in fields if field is not None and has_vary)

    def around(
        self, plan: Handler, answer_error: Callable[[Request, Exception], Response]
    ) -> Handler:
        """Return ``plan`` for those who are let in.

        Args:
            plan: Answers them.
            answer_error: Answers errors, where answers of any kind have to say what caches may do.
        """
        if not (self._is_private or self._vary):

            def run(request: Request) -> Response:
                self(request)
                return plan(request)

            return run

        def run_and_mark(request: Request) -> Response:
            try:
                self(request)
                response = plan(request)
            except Exception as error:
                response = answer_error(request, error)
            for field in self._vary:
                add_vary(response, field)
            if self._is_private:
                keep_private(response, unless_public=True)
            return response

        return run_and_mark

    def __call__(self, request: Request) -> None:
        """Let ``request`` pass, and note who it is from.

        Raises:
            HttpError: 401 or 403; or what a verifier raised that could not verify.
        """
        findings: dict[str, _Finding] = {}
        lacking: frozenset[str] | None = None
        for parts in self._alternatives:
            found = [_find(part, request, findings) for part in parts]
            if all(isinstance(finding, Verified) for finding in found):
                scopes = frozenset().union(*map(_lacking, parts, found))
                if not scopes:
                    names = (part.name for part in parts)
                    enter(request, dict(zip(names, map(_identity, found), strict=True)))
                    return
                lacking = lacking or frozenset().union(*(part.scopes for part in parts))
        if lacking:
            raise self._forbidden(lacking)
        if not self._is_optional or any(findings.values()):
            raise self._unauthorized(findings)

    def _unauthorized(self, findings: Mapping[str, _Finding]) -> HttpError:
        is_bad: dict[Challenge, bool] = {}
        for name, challenge in self._challenges.items():
            bad = isinstance(findings[name], BadCredential)
            is_bad[challenge] = is_bad.get(challenge, False) or bad
        texts = [
            challenge.text([_INVALID] if bad and challenge.scheme == "Bearer" else ())
            for challenge, bad in is_bad.items()
        ]
        is_any_bad = any(is_bad.values())
        detail = "the credentials were not accepted" if is_any_bad else "this needs credentials"
        return HttpError(401, detail, headers={"www-authenticate": ", ".join(texts)})

    def _forbidden(self, scopes: frozenset[str]) -> HttpError:
        more = [("error", "insufficient_scope"), ("scope", " ".join(sorted(scopes)))]
        texts = [
            challenge.text(more)
            for challenge in dict.fromkeys(self._challenges.values())
            if challenge.scheme == "Bearer"
        ]
        headers = {"www-authenticate": ", ".join(texts)} if texts else {}
        return HttpError(403, "the credentials do not allow this", headers=headers)


def _find(part: Part, request: Request, findings: dict[str, _Finding]) -> _Finding:
    """Return what the request shows for a part, verified once however often it is required."""
    if part.name not in findings:
        try:
            findings[part.name] = _verified(part.binding.check(request), part)
        except NoCredential:
            findings[part.name] = None
        except BadCredential as error:
            _log.debug("%s %s: %s: %s", request.method, request.raw_path, part.name, error)
            findings[part.name] = error
    return findings[part.name]


def _verified(result: object, part: Part) -> Verified:
    """Return the result of a check: anything but `Verified` decides nothing, and is an error."""
    if type(result) is not Verified and not isinstance(result, Verified):
        require_value(result, part.binding.check)
        raise TypeError(
            f"the verifier of {part.name} returned a {type(result).__name__}, not a Verified"
        )
    return result


def _lacking(part: Part, finding: _Finding) -> frozenset[str]:
    if not part.scopes or not isinstance(finding, Verified):
        return frozenset()
    if finding.scopes is None:
        raise TypeError(
            f"{part.name}: the operation requires {', '.join(sorted(part.scopes))}, and the "
            f"identity (a {type(finding.identity).__name__}) has no `scopes`"
        )
    return frozenset() if part.scopes <= finding.scopes else part.scopes - finding.scopes


def _identity(finding: _Finding) -> object:
    return finding.identity if isinstance(finding, Verified) else None
