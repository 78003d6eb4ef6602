"""The staff's pages as somebody sees them who has signed in, and what their forms hide."""

import re

from flask.testing import FlaskClient

from kiosk_ui.app import create_app
from tests.browser.shop import PIN, Screens


def signed_in(screens: Screens) -> FlaskClient:
    """Return a client whose pages are those of the staff."""
    client = create_app(screens.store).test_client()
    token = hidden(client, "/staff/enter", "token")
    client.post("/staff/enter", data={"token": token, "pin": PIN})
    return client


def hidden(client: FlaskClient, path: str, name: str) -> str:
    """Return what a form of a page carries unseen."""
    found = re.search(rf'name="{name}" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]
