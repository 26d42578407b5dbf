"""Security: authentication and authorisation.

A document has *security schemes*, its operations have *requirements* of them, and *verifiers*
check a credential and return the identity of its bearer. At start-up each operation gets a *guard*
that runs before its parameters and its body are read.

===================  ==========================================================================
``_verifier``        `Verifier`, `Requirement`: schemes and requirements in Python
``_verifier_dependencies``  dependencies of the functions that verifiers call
``_api_key`` …       `ApiKey`, `BasicAuth`, `BearerToken`, `JwtBearer`, `OAuth2`,
                     `OpenIdConnect`, `MutualTls`
``_authorization``   reads the credentials of a request, without verifying them
``_keys``            signature keys, and the algorithms that each may be used with
``_jwks``            `Jwks`: keys that change while the server runs
``_cached_value``    a value that is fetched, cached, and refreshed when it expires
``_fetch``           JSON over HTTPS
``_write``           code first: writes schemes and requirements into the document
``_guards``          compiles verifiers and requirements to guards, once
``_guard``           the guard of an operation, per request
``_identity``        `Identity`, `identity_of`, `CurrentUser`
``_mock``            a verifier that accepts any credential
``passwords``        `hash_password`, `verify_password`
``tokens``           `issue_token`
===================  ==========================================================================
"""

from ._api_key import ApiKey as ApiKey
from ._basic import BasicAuth as BasicAuth
from ._bearer import BearerToken as BearerToken
from ._bearer import TokenVerifier as TokenVerifier
from ._guard import Guard as Guard
from ._guards import Guards as Guards
from ._identity import CurrentUser as CurrentUser
from ._identity import Identity as Identity
from ._identity import identities_of as identities_of
from ._identity import identity_of as identity_of
from ._jwks import Jwks as Jwks
from ._jwt import JwtBearer as JwtBearer
from ._mock import AcceptAnyCredential as AcceptAnyCredential
from ._mutual_tls import MutualTls as MutualTls
from ._mutual_tls import client_cert_field as client_cert_field
from ._oauth2 import OAuth2 as OAuth2
from ._openid import OpenIdConnect as OpenIdConnect
from ._optional_identity import absent_identity_errors as absent_identity_errors
from ._optional_identity import identity_arguments as identity_arguments
from ._optional_identity import optional_identity_errors as optional_identity_errors
from ._verifier import ANONYMOUS as ANONYMOUS
from ._verifier import BadCredential as BadCredential
from ._verifier import Binding as Binding
from ._verifier import Challenge as Challenge
from ._verifier import NoCredential as NoCredential
from ._verifier import Required as Required
from ._verifier import Requirement as Requirement
from ._verifier import Verified as Verified
from ._verifier import Verifier as Verifier
from ._write import merge_verifiers as merge_verifiers
from ._write import requirements as requirements
from ._write import verifiers_in as verifiers_in
from ._write import write_schemes as write_schemes
from .passwords import cheap_passwords as cheap_passwords
from .passwords import hash_password as hash_password
from .passwords import needs_rehash as needs_rehash
from .passwords import verify_password as verify_password
from .tokens import issue_token as issue_token
