"""Somebody who looks at goods in the web shop, over HTTP like any browser."""

import logging

import requests

TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class WebshopVisitor:
    """Visits the web shop at an address, each time with a browser of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def browse(self, member: str, product: str) -> None:
        """Sign in as a member and open a product's page."""
        with requests.Session() as http:
            try:
                signed_in = http.post(
                    f"{self._url}/sign-in", data={"member": member}, timeout=TIMEOUT_S
                )
                signed_in.raise_for_status()
                http.get(f"{self._url}/product/{product}", timeout=TIMEOUT_S).raise_for_status()
            except requests.RequestException as error:
                log.warning("the web shop could not be visited: %s", type(error).__name__)
