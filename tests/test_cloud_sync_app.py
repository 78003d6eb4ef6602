"""The web of the cloud when its database is away."""

import pytest
from flask.testing import FlaskClient

from cloud_sync.cloud import Cloud
from cloud_sync.database import Database
from cloud_sync.web.app import create_app


@pytest.fixture
def client() -> FlaskClient:
    away = Database("host=127.0.0.1 port=1")
    return create_app(Cloud(database=away, identifier_keys={}, secure=False)).test_client()


def test_the_api_answers_that_the_database_is_away_and_when_to_come_back(client: FlaskClient):
    answer = client.post("/v1/events", headers={"Authorization": "Bearer sbk.acme.k.s"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "try again" in answer.get_json()["error"]["message"]


def test_headquarters_says_so_in_a_sentence(client: FlaskClient):
    client.set_cookie("hq", "token", path="/hq")
    answer = client.get("/hq/")
    assert answer.status_code == 503
    assert "the cloud's database cannot be reached now" in answer.text
