"""The token API and what every business call is checked for."""

import uuid

import pytest

from tests.helpers.sandbox_server import basic

REFUSED_400 = "INVALID_REQUEST_HEADER.GMP_GATEWAY_API"
REFUSED_401 = "UNAUTHORIZED.GMP_GATEWAY_API"
CODE_FORM = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": "https://example.com/back"}


def error_of(answer):
    (error,) = answer.json()["error"]
    return error


def test_client_credentials(server):
    answer = server.post_token()
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert len(body["access_token"]) > 1000
    assert body["access_token"].startswith("eyJ")
    assert body["access_token"].count(".") == 4


def test_many_tokens_are_valid_at_once(server):
    tokens = {server.token() for _ in range(5)}
    assert len(tokens) == 5
    for token in tokens:
        assert server.call("GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": token}).status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/xml", "text/html"])
def test_xml_unless_json_was_asked_for(server, accept):
    answer = server.post_token(headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "<OAuthTokenDTO" in answer.text
    assert "<accessToken>eyJ" in answer.text
    assert "<expiresIn>900</expiresIn>" in answer.text


@pytest.mark.parametrize("name", ["Authorization", "WM_QOS.CORRELATION_ID", "WM_SVC.NAME"])
@pytest.mark.parametrize("value", [None, ""])
def test_token_needs_its_headers(server, name, value):
    answer = server.post_token(headers={name: value})
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["field"]) == (REFUSED_400, name)


@pytest.mark.parametrize("value", ["application/json", "text/plain", ""])
def test_token_needs_a_form(server, value):
    answer = server.post_token(headers={"Content-Type": value})
    assert (answer.status_code, error_of(answer)["field"]) == (400, "Content-Type")


def test_refusals_come_as_xml_too(server):
    answer = server.post_token(headers={"Accept": "*/*", "WM_SVC.NAME": ""})
    assert answer.status_code == 400
    assert f"<ns2:code>{REFUSED_400}</ns2:code>" in answer.text


@pytest.mark.parametrize(
    "authorization",
    [
        basic("my-client", "wrong"),
        basic("my-client", ""),
        basic("", "sandbox"),
        basic("named", "sandbox"),
        basic("named", "its-own-secret").replace("Basic", "Bearer"),
        "Basic",
        "Basic !!!",
        "Basic " + "A" * 5,
        "Basic /////w==",
        "my-client:sandbox",
    ],
)
def test_wrong_keys_are_unauthorized(server, authorization):
    answer = server.post_token(headers={"Authorization": authorization})
    assert answer.status_code == 401
    error = error_of(answer)
    assert (error["code"], error["field"], error["description"]) == (
        REFUSED_401,
        "UNAUTHORIZED",
        "Unauthorized",
    )
    assert error["info"].startswith("Unauthorized token or incorrect authorization header.")
    assert (error["severity"], error["category"]) == ("ERROR", "DATA")


def test_a_named_client_has_its_own_secret(server):
    assert server.post_token(headers={"Authorization": basic("named", "its-own-secret")}).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": ""},
        {"grant_type": "password"},
        {"grant_type": "CLIENT_CREDENTIALS"},
        {"grant_type": "authorization_code", "redirect_uri": "https://example.com"},
        {"grant_type": "authorization_code", "code": "code-1"},
        {"grant_type": "authorization_code", "code": "other", "redirect_uri": "https://example.com"},
        {"grant_type": "refresh_token"},
        {"grant_type": "refresh_token", "refresh_token": "unknown"},
    ],
)
def test_bad_grants_are_refused(server, form):
    answer = server.post_token(form, headers={"WM_PARTNER.ID": "10000000001"})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "INVALID_REQUEST_PARAM.GMP_GATEWAY_API"


def test_parameters_in_the_query_do_not_count(server):
    headers = {**server.session.headers, "Authorization": basic("c", "sandbox"), "Accept": "application/json"}
    headers |= {
        "WM_QOS.CORRELATION_ID": "1",
        "WM_SVC.NAME": "x",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = server.session.post(f"{server.url}/v3/token?grant_type=client_credentials", headers=headers)
    assert answer.status_code == 400


def test_authorization_code_is_good_once_and_gives_a_refresh_token(server):
    seller = {"WM_PARTNER.ID": "10000000001"}
    first = server.post_token(CODE_FORM, headers=seller)
    assert first.status_code == 200
    refresh_token = first.json()["refresh_token"]
    assert server.post_token(CODE_FORM, headers=seller).status_code == 400

    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    renewed = server.post_token(form, headers=seller)
    assert renewed.status_code == 200
    assert "refresh_token" not in renewed.json()
    assert server.post_token(form, headers=seller).status_code == 200


def test_a_refresh_token_belongs_to_client_and_seller(server):
    seller = {"WM_PARTNER.ID": "10000000001"}
    refresh_token = server.post_token(CODE_FORM, headers=seller).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert server.post_token(form, headers={"WM_PARTNER.ID": "10000000002"}).status_code == 400
    other = {**seller, "Authorization": basic("other", "sandbox")}
    assert server.post_token(form, headers=other).status_code == 400


def test_a_well_known_refresh_token(server):
    form = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-token"}
    assert server.post_token(form, headers={"WM_PARTNER.ID": "10000000001"}).status_code == 200


@pytest.mark.parametrize(
    "form", [CODE_FORM, {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-token"}]
)
def test_grants_of_delegated_access_need_the_seller(server, form):
    answer = server.post_token(form)
    assert (answer.status_code, error_of(answer)["field"]) == (400, "WM_PARTNER.ID")


def test_token_detail(server):
    detail = server.get("/v3/token/detail")
    assert detail["is_valid"] is True
    assert detail["is_channel_match"] is True
    assert int(detail["expire_at"]) - int(detail["issued_at"]) == 900_000
    assert set(detail["scopes"].values()) == {"full_access"}
    assert len(detail["scopes"]) == 11


def test_token_detail_notices_another_channel(server):
    token = server.token({"WM_CONSUMER.CHANNEL.TYPE": "channel-1"})
    headers = {"WM_SEC.ACCESS_TOKEN": token}
    assert server.call("GET", "/v3/token/detail", headers=headers).json()["is_channel_match"] is False
    headers["WM_CONSUMER.CHANNEL.TYPE"] = "channel-1"
    assert server.call("GET", "/v3/token/detail", headers=headers).json()["is_channel_match"] is True


@pytest.mark.parametrize("name", ["WM_QOS.CORRELATION_ID", "WM_SVC.NAME"])
@pytest.mark.parametrize("value", [None, ""])
def test_business_calls_need_their_headers(server, name, value):
    error = server.refused(400, "GET", "/v3/feeds", headers={name: value})
    assert (error["code"], error["field"]) == (REFUSED_400, name)


@pytest.mark.parametrize("token", [None, "", "eyJ", "null", "x" * 5000])
def test_unknown_tokens_are_unauthorized(server, token):
    assert (
        server.refused(401, "GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": token})["code"] == REFUSED_401
    )


@pytest.mark.parametrize("scheme", ["Bearer {token}", "Basic {token}"])
def test_the_authorization_header_is_no_token(server, scheme):
    headers = {"WM_SEC.ACCESS_TOKEN": None, "Authorization": scheme.format(token=server.token())}
    assert server.refused(401, "GET", "/v3/feeds", headers=headers)["code"] == REFUSED_401


def test_basic_keys_on_a_business_call_are_unauthorized(server):
    headers = {"WM_SEC.ACCESS_TOKEN": None, "Authorization": basic("my-client", "sandbox")}
    assert server.refused(401, "GET", "/v3/feeds", headers=headers)["code"] == REFUSED_401


@pytest.mark.parametrize("name", ["WM_SEC.TIMESTAMP", "WM_SEC.AUTH_SIGNATURE", "WM_CONSUMER.ID"])
def test_signature_headers_are_refused(server, name):
    assert server.refused(400, "GET", "/v3/feeds", headers={name: "1"})["field"] == name


def test_an_expired_token_is_unauthorized(server):
    server.control("POST", "clock", {"speed": 1e-6})
    server.get("/v3/feeds")
    server.control("POST", "clock", {"advance": 899})
    server.get("/v3/feeds")
    server.control("POST", "clock", {"advance": 1})
    server.refused(401, "GET", "/v3/feeds")


def test_revoked_tokens_are_unauthorized_and_new_ones_are_not(server):
    old = server.token()
    assert server.control("POST", "tokens/revoke")["revoked"] == 1
    assert server.control("POST", "tokens/revoke")["revoked"] == 0
    server.refused(401, "GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": old})
    server.get("/v3/feeds")


def test_a_market_needs_its_version(server):
    token = server.token({"WM_MARKET": "MX"})
    headers = {"WM_SEC.ACCESS_TOKEN": token, "WM_MARKET": "mx"}
    assert server.refused(400, "GET", "/v3/feeds", headers=headers)["field"] == "WM_GLOBAL_VERSION"
    headers["WM_GLOBAL_VERSION"] = "3.1"
    assert server.call("GET", "/v3/feeds", headers=headers).status_code == 200


def test_a_token_belongs_to_its_market(server):
    headers = {"WM_MARKET": "ca", "WM_GLOBAL_VERSION": "3.1"}
    assert server.refused(401, "GET", "/v3/feeds", headers=headers)["code"] == REFUSED_401


def test_an_unknown_market_is_refused(server):
    assert server.refused(400, "GET", "/v3/feeds", headers={"WM_MARKET": "fr"})["field"] == "WM_MARKET"
    assert server.post_token(headers={"WM_MARKET": "fr"}).status_code == 400


@pytest.mark.parametrize(
    "path", ["/", "/v3", "/v3/feeds/", "/v3/nothing", "/v3//feeds", "/_sandboxes", "/V3/feeds"]
)
def test_unknown_paths(server, path):
    assert server.refused(404, "GET", path)["code"] == "URI_NOT_FOUND.GMP_GATEWAY_API"


def test_wrong_methods(server):
    assert server.refused(405, "PUT", "/v3/feeds")["code"] == "METHOD_NOT_ALLOWED.GMP_GATEWAY_API"
    assert server.refused(405, "GET", "/v3/token")["code"] == "METHOD_NOT_ALLOWED.GMP_GATEWAY_API"


def test_business_refusals_come_as_xml_unless_json_was_asked_for(server):
    answer = server.call("GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": None, "Accept": "*/*"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "UNAUTHORIZED.GMP_GATEWAY_API" in answer.text


def test_scopes_of_a_client(server):
    server.control("POST", "settings", {"scopes": {"my-client": {"feeds": "view_only"}}})
    assert server.get("/v3/token/detail")["scopes"]["feeds"] == "view_only"
    server.get("/v3/feeds")
    body = {"json": {"Inventory": [{"sku": "A"}]}}
    assert server.refused(403, "POST", "/v3/feeds?feedType=inventory", **body)["code"].startswith(
        "FORBIDDEN."
    )

    server.control("POST", "settings", {"scopes": {"*": {"feeds": "no_access"}}})
    server.refused(403, "GET", "/v3/feeds")
    assert server.get("/v3/token/detail")["scopes"]["orders"] == "full_access"


def test_a_token_remembers_its_seller(server):
    server.control("POST", "settings", {"feed_seconds": 0})
    token = server.token({"WM_PARTNER.ID": "10000000042"})
    headers = {"WM_SEC.ACCESS_TOKEN": token}
    answer = server.call(
        "POST", "/v3/feeds?feedType=x", headers=headers, json={"rows": [{"sku": str(uuid.uuid4())}]}
    )
    assert answer.status_code == 200
    assert server.get("/v3/feeds")["results"]["feed"][0]["partnerId"] == "10000000042"
