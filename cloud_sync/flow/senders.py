"""How messages leave: a signed webhook, a file in a folder, or an MQTT topic.

A new way is one class and a line in SENDERS.
"""

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec
import requests

from cloud_sync.flow.kinds import Kind
from cloud_sync.flow.messages import Message

CONNECT_S_MAX, ANSWER_S_MAX = 5.0, 30.0
ANSWER_CHARACTERS_SHOWN = 200
RETRY_AFTER_S_MAX = 3_600
MESSAGES_PER_POST = 100
MESSAGES_PER_FILE = 5_000
MESSAGES_PER_PUBLISH = 100
# The system is not there, or not ready: what is refused otherwise is refused because of what it
# says. 401, 403 and 404 say that the connector is not set up as that system expects.
AWAY = frozenset({401, 403, 404, 405, 408, 410, 425, 429})
COLUMNS = ("id", "type", "shopper", "at", "stage", "because", "audiences", "reason", "joined_into")


class AwayError(Exception):
    """Another system cannot be told now; `retry_after_s` is what it asked for, if anything."""

    def __init__(self, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class RefusedError(Exception):
    """Another system will not have these messages, however often they are sent."""


class Sender(Protocol):
    """Tells another system; a return means that it has the messages.

    Raises AwayError, RefusedError.
    """

    messages_max: int

    def send(self, messages: Sequence[Message]) -> None:
        """Send all of these messages, at most `messages_max`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a connector sends: its name and tenant, the address, and the secret if it has one."""

    tenant: str
    connector: str
    address: str
    secret: bytes = b""
    publish: Callable[[str, Sequence[bytes]], None] | None = None


class WebhookSender:
    """Posts JSON, signed as the Standard Webhooks specification 1.0 says.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    messages_max = MESSAGES_PER_POST

    def __init__(self, route: Route) -> None:
        """Name the address; nothing is sent yet."""
        self._route = route
        self._session = requests.Session()
        # Credentials of this machine's user are for nobody else.
        self._session.trust_env = False

    def send(self, messages: Sequence[Message]) -> None:
        """Post the messages in one request."""
        body = msgspec.json.encode(
            {
                "tenant": self._route.tenant,
                "connector": self._route.connector,
                "messages": messages,
            }
        )
        try:
            answer = self._session.post(
                self._route.address,
                data=body,
                headers=signed_headers(self._route.secret, _name_of(messages), body, time.time()),
                timeout=(CONNECT_S_MAX, ANSWER_S_MAX),
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise AwayError(f"{type(error).__name__} at {_host(self._route.address)}") from error
        with answer:
            if answer.ok and not answer.is_redirect:
                return
            said = answer.raw.read(ANSWER_CHARACTERS_SHOWN, decode_content=True)
            reason = f"{answer.status_code}: {said.decode('utf-8', 'replace')}"
            if 400 <= answer.status_code < 500 and answer.status_code not in AWAY:
                raise RefusedError(reason)
            raise AwayError(reason, _retry_after_s(answer.headers.get("Retry-After", "")))


def signed_headers(secret: bytes, name: str, body: bytes, at_s: float) -> dict[str, str]:
    """Return the headers of a signed post, made at `at_s` (seconds since 1970)."""
    signed = f"{name}.{int(at_s)}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "storebridge",
        "webhook-id": name,
        "webhook-timestamp": str(int(at_s)),
        "webhook-signature": f"v1,{signature}",
    }


class FileSender:
    """Puts messages into a folder as files that appear whole, CSV or Parquet."""

    messages_max = MESSAGES_PER_FILE

    def __init__(self, route: Route, ending: Literal["csv", "parquet"]) -> None:
        """Name the folder, which must be there."""
        self._route = route
        self._ending = ending

    def send(self, messages: Sequence[Message]) -> None:
        """Write one file, named after the time and what is in it: the same again has its name."""
        folder = Path(self._route.address)
        day = time.strftime("%Y%m%d", time.gmtime(messages[0].at // 1_000_000))
        name = f"{self._route.connector}-{day}-{_name_of(messages)}.{self._ending}"
        passing = folder / f".{name}.{os.getpid()}"
        try:
            _write(passing, messages, self._ending)
            with passing.open("rb") as written:
                os.fsync(written.fileno())
            passing.replace(folder / name)
            _sync_folder(folder)
        except OSError as error:
            passing.unlink(missing_ok=True)
            raise AwayError(f"{error.strerror or error} in {folder}") from error


class MqttSender:
    """Publishes each message on sb/TENANT/flow/NAME of the cloud's broker, with QoS 1."""

    messages_max = MESSAGES_PER_PUBLISH

    def __init__(self, route: Route) -> None:
        """Take the name from the address."""
        self._route = route

    def send(self, messages: Sequence[Message]) -> None:
        """Publish the messages, and wait until the broker has them all."""
        assert self._route.publish is not None  # noqa: S101 (given with every route of this kind)
        try:
            topic = f"sb/{self._route.tenant}/flow/{self._route.address}"
            self._route.publish(topic, [msgspec.json.encode(each) for each in messages])
        except OSError as error:
            raise AwayError(str(error)) from error


SENDERS: Mapping[Kind, Callable[[Route], Sender]] = {
    "webhook": WebhookSender,
    "csv": lambda route: FileSender(route, "csv"),
    "parquet": lambda route: FileSender(route, "parquet"),
    "mqtt": MqttSender,
}


def _name_of(messages: Sequence[Message]) -> str:
    """Return the name of some messages: the same whenever the same are sent again."""
    ids = "".join(each.id for each in messages).encode()
    return hashlib.blake2b(ids, digest_size=12).hexdigest()


def _host(address: str) -> str:
    """Return the host of an address: what stands behind it may be a secret."""
    return urlsplit(address).hostname or ""


def _retry_after_s(text: str) -> int | None:
    """Return the seconds that a Retry-After header asks for; a date is taken for no answer."""
    return min(int(text), RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else None


def _row(message: Message) -> tuple[str | int, ...]:
    joined = {"because": " ".join(message.because), "audiences": " ".join(message.audiences)}
    return tuple(joined.get(name, getattr(message, name)) for name in COLUMNS)


def _write(path: Path, messages: Sequence[Message], ending: Literal["csv", "parquet"]) -> None:
    # Needed by those alone who have files written: a library of 70 MB.
    import duckdb

    kinds = ", ".join(f'"{name}" {"BIGINT" if name == "at" else "VARCHAR"}' for name in COLUMNS)
    marks = ", ".join("?" for _ in COLUMNS)
    form = "FORMAT parquet, COMPRESSION zstd" if ending == "parquet" else "FORMAT csv, HEADER"
    try:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE message ({kinds})")
            connection.executemany(
                f"INSERT INTO message VALUES ({marks})",  # noqa: S608 (marks)
                [_row(each) for each in messages],
            )
            quoted = str(path).replace("'", "''")
            connection.execute(f"COPY message TO '{quoted}' ({form})")
    except duckdb.IOException as error:
        raise OSError(str(error)) from error


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
