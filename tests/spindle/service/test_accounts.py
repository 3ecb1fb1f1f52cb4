"""Signing in, invitations, tokens, administration: through the routes, as browsers and scripts use them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from spindle.errors import SettingError
from spindle.service import accounts
from spindle.service.context import Context
from spindle.service.limits import RateLimit
from spindle.service.tables import Account, BrowserSession, Invitation, Role, now

PASSWORD = "correct horse battery"


def browser(client: TestClient, name: str = "ann", password: str = PASSWORD) -> dict[str, Any]:
    """Sign in with a cookie, and return who one is."""
    answer = client.post("/api/v1/session", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_invitation_makes_one_account_and_no_second(context: Context, nobody: TestClient) -> None:
    with context.database.writing() as session:
        secret = accounts.invite(session, Role.ADMINISTRATOR)
    wanted = {"invitation": secret, "name": "ann", "password": PASSWORD}
    first = nobody.post("/api/v1/accounts", json=wanted)
    assert (first.status_code, first.json()["role"]) == (201, "administrator")
    assert nobody.get("/api/v1/me").json()["name"] == "ann"
    second = nobody.post("/api/v1/accounts", json=wanted | {"name": "eve"}, headers={"X-CSRF-Token": "x"})
    assert second.status_code == 404
    assert second.headers["content-type"] == "application/problem+json"


def test_of_several_who_accept_one_invitation_at_once_one_gets_in(context: Context, app: FastAPI) -> None:
    with context.database.writing() as session:
        secret = accounts.invite(session)
    ready = Barrier(4)

    def accept(place: int) -> int:
        client = TestClient(app)
        ready.wait()
        wanted = {"invitation": secret, "name": f"ann{place}", "password": PASSWORD}
        return client.post("/api/v1/accounts", json=wanted).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [201, 404, 404, 404]


def test_two_who_want_one_name_at_once_are_told_apart(context: Context, app: FastAPI, bob: TestClient) -> None:
    with context.database.writing() as session:
        secrets = [accounts.invite(session) for _ in range(2)]
    ready = Barrier(2)

    def accept(secret: str) -> int:
        client = TestClient(app, raise_server_exceptions=False)
        ready.wait()
        wanted = {"invitation": secret, "name": "ann", "password": PASSWORD}
        return client.post("/api/v1/accounts", json=wanted).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, secrets)) == [201, 422]


def test_the_first_account_ends_all_other_links_to_a_first_account(context: Context, nobody: TestClient) -> None:
    # Each start of a service without accounts shows one.
    with context.database.writing() as session:
        earlier, latest = (accounts.invite(session, Role.ADMINISTRATOR) for _ in range(2))
    wanted = {"invitation": latest, "name": "ann", "password": PASSWORD}
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 201
    nobody.cookies.clear()
    assert nobody.get(f"/welcome/{earlier}").status_code == 404
    assert nobody.post("/api/v1/accounts", json=wanted | {"invitation": earlier, "name": "eve"}).status_code == 404


def test_a_password_that_was_set_anew_ends_the_other_links_for_it(
    nobody: TestClient, ann: TestClient, admin: TestClient
) -> None:
    own = ann.get("/api/v1/me").json()["id"]
    first, second = (admin.post(f"/api/v1/accounts/{own}/reset").json()["link"].rpartition("/")[2] for _ in range(2))
    wanted = {"name": "ann", "password": "another long password"}
    assert nobody.post("/api/v1/accounts", json=wanted | {"invitation": second}).status_code == 201
    nobody.cookies.clear()
    assert nobody.post("/api/v1/accounts", json=wanted | {"invitation": first}).status_code == 404


def test_a_link_for_a_closed_account_changes_nothing_until_it_is_open(
    nobody: TestClient, ann: TestClient, admin: TestClient
) -> None:
    own = ann.get("/api/v1/me").json()["id"]
    secret = admin.post(f"/api/v1/accounts/{own}/reset").json()["link"].rpartition("/")[2]
    wanted = {"name": "ann", "password": "another long password", "invitation": secret}
    admin.patch(f"/api/v1/accounts/{own}", json={"active": False})
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 404
    admin.patch(f"/api/v1/accounts/{own}", json={"active": True})
    browser(nobody)
    nobody.cookies.clear()
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 201


def test_an_invitation_is_over_after_its_week(context: Context, nobody: TestClient) -> None:
    with context.database.writing() as session:
        secret = accounts.invite(session)
        session.execute(update(Invitation).values(expires_at=now()))
    assert nobody.get(f"/welcome/{secret}").status_code == 404
    wanted = {"invitation": secret, "name": "ann", "password": PASSWORD}
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 404


@pytest.mark.parametrize("name", ["Élodie", "ÖZGE", "İnci"])
def test_a_name_with_any_letters_opens_its_account(context: Context, nobody: TestClient, name: str) -> None:
    with context.database.writing() as session:
        secret = accounts.invite(session)
    wanted = {"invitation": secret, "name": name, "password": PASSWORD}
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 201
    nobody.cookies.clear()
    assert browser(nobody, name)["name"] == name


def test_a_forgotten_password_is_set_anew_and_nothing_else(
    nobody: TestClient, ann: TestClient, admin: TestClient
) -> None:
    own = ann.get("/api/v1/me").json()["id"]
    assert ann.post(f"/api/v1/accounts/{own}/reset").status_code == 404
    link = admin.post(f"/api/v1/accounts/{own}/reset").json()["link"]
    assert 'value="ann"' in nobody.get(link).text
    wanted = {"invitation": link.rpartition("/")[2], "name": "somebody", "password": "another long password"}
    assert nobody.post("/api/v1/accounts", json=wanted).json()["name"] == "ann"
    nobody.cookies.clear()
    assert browser(nobody, password="another long password")["id"] == own
    assert nobody.post("/api/v1/accounts", json=wanted).status_code == 404


@pytest.mark.parametrize(
    ("name", "password", "word"),
    [("ann", PASSWORD, "already"), ("ANN", PASSWORD, "already"), ("a/b", PASSWORD, "slashes"), ("eve", "short", "10")],
)
def test_an_account_that_cannot_be_leaves_the_invitation_as_it_was(
    context: Context, nobody: TestClient, ann: TestClient, name: str, password: str, word: str
) -> None:
    with context.database.writing() as session:
        secret = accounts.invite(session)
    answer = nobody.post("/api/v1/accounts", json={"invitation": secret, "name": name, "password": password})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    with context.database.reading() as session:
        assert accounts.invitation(session, secret) is not None


def test_a_browser_signs_in_and_out(nobody: TestClient, ann: TestClient) -> None:
    me = browser(nobody)
    assert nobody.get("/api/v1/me").json()["id"] == me["id"]
    assert nobody.delete("/api/v1/session", headers={"X-CSRF-Token": me["csrf"]}).status_code == 204
    assert nobody.get("/api/v1/me").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(nobody: TestClient, ann: TestClient) -> None:
    answer = nobody.post("/api/v1/session", json={"name": "ann", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(nobody: TestClient, ann: TestClient) -> None:
    wrong = nobody.post("/api/v1/session", json={"name": "ann", "password": "no" * 8})
    missing = nobody.post("/api/v1/session", json={"name": "nobody", "password": PASSWORD})
    assert wrong.status_code == missing.status_code == 401
    assert wrong.json() == missing.json()


def test_a_browser_without_the_csrf_token_changes_nothing(nobody: TestClient, ann: TestClient) -> None:
    browser(nobody)
    assert nobody.post("/api/v1/tokens", json={"name": "evil"}).status_code == 403
    assert [token["name"] for token in ann.get("/api/v1/tokens").json()] == ["tests"]


def test_secrets_are_not_in_the_database(context: Context, nobody: TestClient, ann: TestClient) -> None:
    browser(nobody)
    cookie = nobody.cookies["spindle_session"]
    with context.database.reading() as session:
        account = session.scalars(select(Account).where(Account.name == "ann")).one()
        kept = session.scalars(select(BrowserSession)).one()
    assert PASSWORD not in account.password_hash
    assert cookie not in kept.token_hash


def test_a_new_password_signs_every_browser_out(nobody: TestClient, ann: TestClient) -> None:
    me = browser(nobody)
    wanted = {"old": PASSWORD, "new": "another long password"}
    assert (
        nobody.put("/api/v1/me/password", json=wanted | {"old": "x"}, headers={"X-CSRF-Token": me["csrf"]}).status_code
        == 403
    )
    assert nobody.put("/api/v1/me/password", json=wanted, headers={"X-CSRF-Token": me["csrf"]}).status_code == 204
    assert nobody.get("/api/v1/me").status_code == 401
    browser(nobody, password="another long password")


def test_a_token_works_until_it_is_revoked(nobody: TestClient, ann: TestClient) -> None:
    made = ann.post("/api/v1/tokens", json={"name": "script"}).json()
    by_token = {"Authorization": f"Bearer {made['token']}"}
    assert nobody.get("/api/v1/me", headers=by_token).json()["name"] == "ann"
    assert made["token"] not in ann.get("/api/v1/tokens").text
    assert ann.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert nobody.get("/api/v1/me", headers=by_token).status_code == 401


def test_a_closed_account_opens_nothing(nobody: TestClient, ann: TestClient, admin: TestClient) -> None:
    ann_id = ann.get("/api/v1/me").json()["id"]
    browser(nobody)
    assert admin.patch(f"/api/v1/accounts/{ann_id}", json={"active": False}).json()["active"] is False
    assert ann.get("/api/v1/me").status_code == 401
    assert nobody.get("/api/v1/me").status_code == 401
    assert nobody.post("/api/v1/session", json={"name": "ann", "password": PASSWORD}).status_code == 401


def test_administration_is_not_there_for_users(ann: TestClient, admin: TestClient) -> None:
    assert ann.get("/api/v1/accounts").status_code == ann.get("/administration").status_code == 404
    assert {person["name"] for person in admin.get("/api/v1/accounts").json()} == {"ann", "root"}


def test_an_administrator_cannot_shut_themselves_out(admin: TestClient) -> None:
    own = admin.get("/api/v1/me").json()["id"]
    assert admin.patch(f"/api/v1/accounts/{own}", json={"active": False}).status_code == 409
    assert admin.patch(f"/api/v1/accounts/{own}", json={"role": "user"}).status_code == 409


def test_who_did_what_is_kept_without_names(ann: TestClient, admin: TestClient) -> None:
    ann.post("/api/v1/tokens", json={"name": "secret project"})
    lines = admin.get("/api/v1/audit").json()
    assert lines[0]["action"] == "token.make"
    assert "secret" not in str(lines)


def test_guessing_is_slowed_down(context: Context, nobody: TestClient, ann: TestClient) -> None:
    object.__setattr__(context, "sign_ins", RateLimit(3))
    answers = [nobody.post("/api/v1/session", json={"name": "ann", "password": "x" * 12}) for _ in range(5)]
    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/api/v1/me"),
        lambda client: client.get("/api/v1/me", headers={"Authorization": "Bearer spindle_guess"}),
        lambda client: client.get("/api/v1/me", headers={"Cookie": "spindle_session=guess"}),
        lambda client: client.get("/sign-in"),
        lambda client: client.get("/welcome/guess"),
        lambda client: client.post(
            "/api/v1/accounts", json={"invitation": "guess", "name": "ann", "password": PASSWORD}
        ),
    ],
)  # fmt: skip
def test_strangers_are_slowed_down_and_users_are_not(
    context: Context, nobody: TestClient, ann: TestClient, ask: Callable[[TestClient], Any]
) -> None:
    object.__setattr__(context, "requests", RateLimit(5))
    answers = [ask(nobody).status_code for _ in range(8)]
    assert 429 not in answers[:5] and answers[5:] == [429] * 3
    assert ann.get("/api/v1/me").status_code == 200


def test_a_bucket_fills_again_with_time() -> None:
    at = 0.0
    limit = RateLimit(60, clock=lambda: at)
    assert [limit.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a") == pytest.approx(1.0)
    assert limit.wait_s("b") == 0.0
    at = 2.0
    assert [limit.wait_s("a") for _ in range(3)] == [0.0, 0.0, pytest.approx(1.0)]


def test_a_password_is_hashed_with_salt() -> None:
    first, second = accounts.hash_password(PASSWORD), accounts.hash_password(PASSWORD)
    assert first != second
    assert accounts.password_fits(PASSWORD, first) and not accounts.password_fits(PASSWORD + "x", first)
    with pytest.raises(SettingError, match="10 to 200"):
        accounts.check_password("short")


def test_pages_send_strangers_to_sign_in_and_nowhere_else(nobody: TestClient) -> None:
    answer = nobody.get("/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/account")
    for target in ("//evil.example", "https://evil.example", "/\\evil"):
        assert "evil" not in nobody.get("/sign-in", params={"next": target}).text


def test_every_answer_carries_the_headers_that_bind_browsers(nobody: TestClient) -> None:
    for path in ("/sign-in", "/api/v1/me", "/static/app.css", "/nowhere"):
        policy = nobody.get(path).headers["content-security-policy"]
        assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy


def test_no_page_has_a_script_of_its_own(
    nobody: TestClient, admin: TestClient, user_of: Callable[..., TestClient]
) -> None:
    for page in ("/sign-in", "/welcome/x", "/account", "/administration"):
        text = admin.get(page).text if page != "/sign-in" else nobody.get(page).text
        assert "<script>" not in text and " onclick=" not in text


def test_the_operator_sees_health_and_metrics(nobody: TestClient, ann: TestClient) -> None:
    assert nobody.get("/health").json() == {"status": "ok"}
    ann.get("/api/v1/me")
    text = nobody.get("/metrics").text
    assert 'spindle_requests_total{method="GET",route="/api/v1/me",status="200"}' in text
