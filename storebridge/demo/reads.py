"""Whether a store's reader has read what is held to it, as its own figures say."""

import re
from collections.abc import Callable

import requests

TIMEOUT_S = 1.0
COUNT = 'storebridge_edge_codes_read_total{{device="{device}"}} (\\S+)'


def count_of_reads(metrics_url: str, device: str) -> Callable[[], int | None]:
    """Return what asks a store how often a device has read a code; None while it does not say."""
    pattern = re.compile(COUNT.format(device=re.escape(device)))

    def count() -> int | None:
        try:
            text = requests.get(metrics_url, timeout=TIMEOUT_S).text
        except requests.RequestException:
            return None
        found = pattern.search(text)
        return int(float(found[1])) if found else None

    return count
