"""Why something is shown, put into words for the shopper."""

from sqlite_utils.utils import sqlite3

from edge_agent import local_view
from kiosk_ui.texts import Words
from wire.views import Because


def say_because(because: Because, words: Words, connection: sqlite3.Connection, at: int) -> str:
    """Return the sentence of a reason; one this version does not know is named as it is."""
    product = local_view.product(connection, because.product) if because.product else None
    return words.known(
        f"because.{because.reason}",
        "because.unknown",
        reason=because.reason.replace("_", " "),
        product=words.pick(product.name) if product else words("because.some_product"),
        category=say_category(because.category, words),
        channel=words.known(f"because.channel.{because.channel}", "because.channel.store"),
        count=because.count,
        age=words.age(max(0, at - because.at) / 1_000_000),
    )


def say_category(category: str, words: Words) -> str:
    """Return what a category is called, or its own name where nobody translated it."""
    return words.known(f"category.{category.lower()}", "category.unknown", category=category)
