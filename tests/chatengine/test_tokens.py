"""The token both sides share: what opens the door, and all that does not (S-AUTH-1 to 10)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from chatengine.tokens import DEFAULT_TTL_S, Claims, TokenError, TokenRules, mint, verify
from tests.chatengine.strategies import json_values

NOW = 1_767_225_600.0
SECRET = "a secret that both sides share, long enough for any library"
RULES = TokenRules(SECRET)
STRICT = TokenRules(SECRET, issuer="crm", audience="chatengine")
GOOD = {"workspace_id": "w-1", "sub": "u-1", "iat": int(NOW), "exp": int(NOW) + 3600}


def part(value: object) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: object, header: object = None, secret: str = SECRET) -> str:
    """A token signed with HMAC-SHA-256, whatever its header says (RFC 7515, section 5.1)."""
    text = f"{part({'alg': 'HS256'} if header is None else header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def refusal(token: object, rules: TokenRules = RULES, now: float = NOW) -> tuple[str, str]:
    """Code and reason with which a token is refused."""
    with pytest.raises(TokenError) as caught:
        verify(token, rules, now=now)
    assert str(caught.value) == caught.value.reason
    return caught.value.code, caught.value.reason


def test_a_minted_token_opens_the_door() -> None:
    """Workspace, subject and end are those it was minted with; its life is an hour."""
    token = mint(RULES, workspace_id="w-1", subject="u-1", now=NOW)
    assert verify(token, RULES, now=NOW) == Claims("w-1", "u-1", NOW + DEFAULT_TTL_S)
    assert DEFAULT_TTL_S == 3600


def test_a_token_of_another_library_opens_the_door() -> None:
    """What PyJWT's ordinary interface signs is verified, and the other way round."""
    theirs = jwt.encode(GOOD, SECRET, algorithm="HS256")
    assert verify(theirs, RULES, now=NOW).workspace_id == "w-1"
    ours = mint(STRICT, workspace_id="w-1", subject="u-1", now=NOW, ttl_s=10**9)
    assert jwt.decode(
        ours, SECRET, algorithms=["HS256"], issuer="crm", audience="chatengine",
        options={"verify_iat": False},
    )["workspace_id"] == "w-1"  # fmt: skip


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 10**6), st.integers(0, 2 * 10**6))
def test_a_token_holds_from_its_minting_to_its_end(
    workspace: str, subject: str, ttl_s: int, later: int
) -> None:
    """Valid at every moment before `exp`, refused from `exp` on (RFC 7519, section 4.1.4)."""
    token = mint(STRICT, workspace_id=workspace, subject=subject, now=NOW, ttl_s=ttl_s)
    if later < ttl_s:
        claims = verify(token, STRICT, now=NOW + later)
        assert claims == Claims(workspace, subject, NOW + ttl_s)
    else:
        assert refusal(token, STRICT, NOW + later) == ("unauthorized", "token expired")


@pytest.mark.parametrize("token", [None, "", 5, True, b"x", [], {"token": "x"}])
def test_no_token_is_unauthorized(token: object) -> None:
    """S-AUTH-1: missing, or no text at all."""
    assert refusal(token) == ("unauthorized", "no token")


@pytest.mark.parametrize(
    "token",
    [
        "garbage", "a.b.c", "..", "....", "é.é.é", "\ud800.x.y", "\x00", "x" * 100_000,
        signed(GOOD) + ".x", signed(GOOD) + "\n", " " + signed(GOOD), "Bearer " + signed(GOOD),
        signed(b"\xff\xfe"), signed(b"{"), signed([]), signed("claims"), signed(None),
        signed(GOOD, header=b"{"), signed(GOOD, header=[]), signed(GOOD, header="HS256"),
        signed(GOOD, header=None).replace(".", ""), signed(b'{"exp": NaN}'),
        signed(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        signed(GOOD, header=b'{"alg":"HS256","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        signed(GOOD, header={"alg": "HS256", "crit": ["x"]}),
        signed(GOOD, header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
        signed(GOOD, header={"alg": "HS256", "kid": 5}),
    ],
    ids=range(27),
)  # fmt: skip
def test_garbage_is_unauthorized(token: str) -> None:
    """S-AUTH-2: each is refused as malformed, or for its signature where only that is wrong."""
    code, reason = refusal(token)
    assert code == "unauthorized"
    assert reason in ("malformed token", "token with a wrong signature")


def test_a_wrong_signature_is_unauthorized() -> None:
    """S-AUTH-3: another secret, another part changed, or none at all."""
    head, claims, signature = signed(GOOD).split(".")
    other = part(GOOD | {"workspace_id": "w-2"})
    for token in (
        signed(GOOD, secret="another"),
        f"{head}.{other}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}.{part(b'short')}",
    ):
        assert refusal(token) == ("unauthorized", "token with a wrong signature")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "hs256", "HS512", "RS256", None])
@pytest.mark.parametrize("signature", ["kept", "cut"])
def test_another_algorithm_in_the_header_is_unauthorized(
    algorithm: str | None, signature: str
) -> None:
    """S-AUTH-4: `alg: none` and every other name, with the right HMAC beneath it or none."""
    token = signed(GOOD, header={"alg": algorithm, "typ": "JWT"})
    if signature == "cut":
        token = token.rpartition(".")[0] + "."
    assert refusal(token) == ("unauthorized", "token signed with another algorithm")


def test_a_header_without_an_algorithm_is_unauthorized() -> None:
    """S-AUTH-4: HS256 is not guessed where the header does not name it."""
    code, _ = refusal(signed(GOOD, header={"typ": "JWT"}))
    assert code == "unauthorized"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_right_secret_with_another_hash_is_unauthorized(algorithm: str) -> None:
    """S-AUTH-4: truly signed, but not with HS256."""
    token = jwt.encode(GOOD, SECRET.ljust(64), algorithm=algorithm)
    rules = TokenRules(SECRET.ljust(64))
    assert refusal(token, rules) == ("unauthorized", "token signed with another algorithm")


def test_a_public_key_signature_is_unauthorized() -> None:
    """S-AUTH-4: RS256, as identity providers sign."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(GOOD, private, algorithm="RS256")
    assert refusal(token) == ("unauthorized", "token signed with another algorithm")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exp": int(NOW)}, "token expired"),
        ({"exp": NOW - 0.5}, "token expired"),
        ({"exp": -1}, "token expired"),
        ({"exp": None}, "token without an expiry"),
        ({"exp": "1893456000"}, "token whose exp is no moment"),
        ({"exp": True}, "token whose exp is no moment"),
        ({"exp": [1893456000]}, "token whose exp is no moment"),
        ({"nbf": NOW + 1}, "token not yet valid"),
        ({"iat": NOW + 6}, "token not yet valid"),
        ({"nbf": "soon"}, "token whose nbf is no moment"),
        ({"iat": {}}, "token whose iat is no moment"),
    ],
)
def test_a_token_outside_its_time_is_unauthorized(change: dict[str, Any], reason: str) -> None:
    """S-AUTH-5 and S-AUTH-9: expired, endless, not yet valid, or with a moment that is none."""
    assert refusal(signed(GOOD | change)) == ("unauthorized", reason)


@pytest.mark.parametrize(
    "change", [{"nbf": NOW}, {"iat": None}, {"nbf": None}, {"exp": NOW + 0.5}, {"iat": NOW + 5}]
)
def test_the_edges_of_its_time_are_inside(change: dict[str, Any]) -> None:
    """Valid from this very moment, until just after it; `iat` and `nbf` may be missing.

    A clock that is ahead by 5 s may have written `iat`, which ties the validity to nothing.
    """
    assert verify(signed(GOOD | change), RULES, now=NOW).workspace_id == "w-1"


def test_an_end_beyond_all_numbers_is_no_crash() -> None:
    """An `exp` that no float holds is refused, as nobody could compute with it."""
    for far in (b"1" + b"0" * 400, b"1e400"):
        code, _ = refusal(signed(b'{"workspace_id":"w-1","exp":' + far + b"}"))
        assert code == "unauthorized"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"workspace_id": ""},
        {"workspace_id": None},
        {"workspace_id": True},
        {"workspaceID": "w"},
    ],
)
def test_no_workspace_is_forbidden(claims: dict[str, Any]) -> None:
    """S-AUTH-6: a good token, but no text that names a workspace."""
    token = signed({"sub": "u-1", "exp": GOOD["exp"]} | claims)
    assert refusal(token) == ("forbidden", "token without a workspace")


@pytest.mark.parametrize("workspace", ["workspace_id", "workspaceId", "workspace"])
@pytest.mark.parametrize("subject", ["sub", "user_id", "userId"])
def test_the_aliases_of_the_claims_are_accepted(workspace: str, subject: str) -> None:
    """S-AUTH-8: each name of section 3."""
    token = signed({workspace: "w-1", subject: "u-1", "exp": GOOD["exp"]})
    assert verify(token, RULES, now=NOW) == Claims("w-1", "u-1", int(NOW) + 3600)


@pytest.mark.parametrize("workspace", ["workspace_id", "workspaceId", "workspace"])
@pytest.mark.parametrize("subject", ["sub", "user_id", "userId"])
def test_a_number_names_a_workspace_and_a_user(workspace: str, subject: str) -> None:
    """Databases number both: 42 is the name "42", also as 0; true and false name nobody."""
    token = signed({workspace: 42, subject: 0, "exp": GOOD["exp"]})
    assert verify(token, RULES, now=NOW) == Claims("42", "0", int(NOW) + 3600)
    token = signed({workspace: "w-1", subject: True, "exp": GOOD["exp"]})
    assert verify(token, RULES, now=NOW).subject == ""


def test_the_first_name_counts_where_there_are_several() -> None:
    """In the order of section 3, an empty one passed over; a token without a subject is good."""
    names = {"workspace_id": "", "workspaceId": "w-2", "workspace": "w-3"}
    claims = verify(signed({"exp": GOOD["exp"]} | names), RULES, now=NOW)
    assert (claims.workspace_id, claims.subject) == ("w-2", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "another"}, "token of another issuer"),
        ({"iss": ["crm"]}, "token of another issuer"),
        ({"iss": None}, "token of another issuer"),
        ({"aud": "another"}, "token for another audience"),
        ({"aud": ["another"]}, "token for another audience"),
        ({"aud": []}, "token for another audience"),
        ({"aud": None}, "token for another audience"),
        ({"aud": {"chatengine": 1}}, "token for another audience"),
    ],
)
def test_another_issuer_or_audience_is_unauthorized(change: dict[str, Any], reason: str) -> None:
    """S-AUTH-10: refused where they are configured, and no matter where they are not."""
    claims = GOOD | {"iss": "crm", "aud": "chatengine"} | change
    assert refusal(signed(claims), STRICT) == ("unauthorized", reason)
    assert verify(signed(claims), RULES, now=NOW).workspace_id == "w-1"


@pytest.mark.parametrize("audience", ["chatengine", ["chatengine"], ["other", "chatengine"]])
def test_an_audience_is_one_name_or_a_list(audience: object) -> None:
    """RFC 7519, section 4.1.3."""
    token = signed(GOOD | {"iss": "crm", "aud": audience})
    assert verify(token, STRICT, now=NOW).workspace_id == "w-1"


def test_a_test_may_override_any_claim() -> None:
    """`extra` comes last: an expired token is minted by saying so."""
    token = mint(RULES, workspace_id="w", subject="u", now=NOW, extra={"exp": int(NOW) - 1})
    assert refusal(token) == ("unauthorized", "token expired")


@pytest.mark.parametrize("secret", ["s", "é", "x" * 1000])
def test_the_secret_is_the_deployments_own(secret: str) -> None:
    """Any length is accepted without a warning: the servers of users exist already."""
    rules = TokenRules(secret)
    token = mint(rules, workspace_id="w-1", subject="u-1", now=NOW)
    assert verify(token, rules, now=NOW).workspace_id == "w-1"


UNSIGNED = (
    "no token",
    "malformed token",
    "token signed with another algorithm",
    "token with a wrong signature",
)


@given(st.text() | st.text(alphabet=".-_ABCxyz019=", max_size=60))
def test_any_text_is_a_token_error(token: str) -> None:
    """No text that nobody signed opens the door, and none raises anything else."""
    code, reason = refusal(token)
    assert code == "unauthorized"
    assert reason in UNSIGNED  # fixed sentences: no part of a token is in any


@given(json_values, json_values, st.booleans())
def test_any_signed_json_is_claims_or_a_token_error(
    header: object, claims: object, named: bool
) -> None:
    """Nor does any header or set of claims, even with the right signature."""
    with suppress(TokenError):
        assert isinstance(verify(signed(claims, {"alg": "HS256"} if named else header), STRICT,
                                 now=NOW), Claims)  # fmt: skip


claim_names = st.sampled_from(["exp", "iat", "nbf", "iss", "aud", "workspace_id", "sub", "userId"])


@given(st.dictionaries(claim_names, json_values))
def test_any_value_of_any_claim_is_claims_or_a_token_error(change: dict[str, object]) -> None:
    """Every claim that is looked at may hold anything."""
    with suppress(TokenError):
        assert isinstance(verify(signed(GOOD | change), RULES, now=NOW), Claims)
