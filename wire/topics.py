"""The topics of the wire: built from what they name, and parsed back.

    sb/<tenant>/up/<shard>/<store>/<live|back>   store → cloud   Batch
    sb/<tenant>/state/<shard>/<store>            store → cloud   Birth, Death (retained, the will)
    sb/<tenant>/beat/<shard>/<store>             store → cloud   Heartbeat
    sb/<tenant>/applied/<shard>/<store>          store → cloud   Applied
    sb/<tenant>/down/<store>                     cloud → store   Receipt, Update

The shard is a stable hash of tenant and store, so that several cloud workers share the stores by
plain subscriptions, on every MQTT 3.1.1 broker.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Literal

from wire.messages import Lane

SHARDS = 64

TopicKind = Literal["up", "state", "beat", "applied", "down"]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class TopicError(ValueError):
    """A topic, or a name that shall become part of one, is not of the form written above."""


def shard_of(tenant: str, store: str) -> int:
    """Return the shard of a store: CRC-32 of `tenant/store` modulo 64."""
    return zlib.crc32(f"{tenant}/{store}".encode()) % SHARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic taken apart; `shard` is -1 and `lane` None where the kind has none."""

    kind: TopicKind
    tenant: str
    store: str
    shard: int = -1
    lane: Lane | None = None


def check_name(name: str) -> str:
    """Return the name of a tenant or store if it may stand in a topic.

    Raises TopicError unless it is 1 to 40 of a-z, 0-9, `_` and `-`, and begins with a letter or
    digit.
    """
    if not NAME.fullmatch(name):
        raise TopicError(
            f"{name[:60]!r} cannot be used in a topic: "
            "1 to 40 of a-z 0-9 _ -, beginning with a letter or digit"
        )
    return name


def up_topic(tenant: str, store: str, lane: Lane) -> str:
    """Return the topic on which a store sends its Batches of one lane."""
    return f"{_sharded('up', tenant, store)}/{lane}"


def state_topic(tenant: str, store: str) -> str:
    """Return the retained topic of a store's Birth and Death."""
    return _sharded("state", tenant, store)


def beat_topic(tenant: str, store: str) -> str:
    """Return the topic of a store's Heartbeat."""
    return _sharded("beat", tenant, store)


def applied_topic(tenant: str, store: str) -> str:
    """Return the topic on which a store acknowledges Updates."""
    return _sharded("applied", tenant, store)


def down_topic(tenant: str, store: str) -> str:
    """Return the topic on which the cloud answers a store."""
    return f"sb/{check_name(tenant)}/down/{check_name(store)}"


def shard_filters(shard: int) -> tuple[str, ...]:
    """Return the topic filters with which a cloud worker subscribes to one shard, all tenants."""
    if not 0 <= shard < SHARDS:
        raise TopicError(f"shard {shard} is not in 0..{SHARDS - 1}")
    tail = f"{shard:02d}/+"
    return (f"sb/+/up/{tail}/+", f"sb/+/state/{tail}", f"sb/+/beat/{tail}", f"sb/+/applied/{tail}")


def parse_topic(topic: str) -> Topic:
    """Take a topic apart.

    Raises TopicError when it is none of ours or its shard is not that of its store.
    """
    match topic.split("/"):
        case ["sb", tenant, "down", store]:
            return Topic(kind="down", tenant=check_name(tenant), store=check_name(store))
        case ["sb", tenant, ("state" | "beat" | "applied") as kind, shard, store]:
            number = _parse_shard(shard, tenant, store)
            return Topic(kind=kind, tenant=tenant, store=store, shard=number)
        case ["sb", tenant, "up", shard, store, ("live" | "back") as lane]:
            number = _parse_shard(shard, tenant, store)
            return Topic(kind="up", tenant=tenant, store=store, shard=number, lane=lane)
        case _:
            raise TopicError(f"{topic[:120]!r} is no topic of the wire")


def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a topic is among those that an MQTT filter with `+` and `#` names."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)] if len(levels) >= len(wanted) else levels
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )


def subscription_qos(topic_filter: str) -> int:
    """Return the QoS with which to subscribe: 1 where a loss would cost a repeat of much.

    Batches and certificates are held back by the broker while their reader is slow. What comes
    down, beats and `Applied` are repeated by our own protocol anyway, and a NATS server becomes
    slower with each QoS 1 subscription.
    """
    kind = topic_filter.split("/")[2:3]
    return 0 if kind in (["down"], ["beat"], ["applied"]) else 1


def _sharded(kind: str, tenant: str, store: str) -> str:
    check_name(tenant)
    check_name(store)
    return f"sb/{tenant}/{kind}/{shard_of(tenant, store):02d}/{store}"


def _parse_shard(text: str, tenant: str, store: str) -> int:
    number = shard_of(check_name(tenant), check_name(store))
    if text != f"{number:02d}":
        raise TopicError(f"shard {text[:10]!r} is not that of store {store}: {number:02d}")
    return number
