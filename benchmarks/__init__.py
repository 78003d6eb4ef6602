"""Side by side with peers and limits: each benchmark prints ratios from one run."""

from collections.abc import Callable, Iterable
from itertools import chain

from benchmarks.result import Result

# Each imports its module only when called: some run parts of themselves as processes of their own,
# which shall load nothing of the others.


def _catchup() -> Iterable[Result]:
    from benchmarks.catchup import catchup

    return catchup()


def _decoding() -> Iterable[Result]:
    from benchmarks.decoding import decoding

    return decoding()


def _codes() -> Iterable[Result]:
    from benchmarks.codes import codes

    return codes()


def _eyes() -> Iterable[Result]:
    from benchmarks.eyes import eyes

    return eyes()


def _durable() -> Iterable[Result]:
    from benchmarks.durable import durable

    return durable()


def _enqueue() -> Iterable[Result]:
    from benchmarks.enqueue import enqueue

    return enqueue()


def _funnel() -> Iterable[Result]:
    from benchmarks.funnel import funnel

    return funnel()


def _headquarters() -> Iterable[Result]:
    from benchmarks.headquarters import headquarters

    return headquarters()


def _identity() -> Iterable[Result]:
    from benchmarks.identity import identity

    return identity()


def _identity_online() -> Iterable[Result]:
    from benchmarks.identity_online import identity_online

    return identity_online()


def _lane() -> Iterable[Result]:
    from benchmarks.lamp import lamp
    from benchmarks.lane import lane

    return chain(lane(), lamp())


def _latency() -> Iterable[Result]:
    from benchmarks.latency import latency

    return latency()


def _live() -> Iterable[Result]:
    from benchmarks.live import live

    return live()


def _memory() -> Iterable[Result]:
    from benchmarks.memory import memory

    return memory()


def _people() -> Iterable[Result]:
    from benchmarks.people import people

    return people()


def _restart() -> Iterable[Result]:
    from benchmarks.restart import restart

    return restart()


def _scanners() -> Iterable[Result]:
    from benchmarks.scanners import scanners

    return scanners()


def _tokens() -> Iterable[Result]:
    from benchmarks.tokens import tokens

    return tokens()


BENCHMARKS: dict[str, Callable[[], Iterable[Result]]] = {
    "enqueue": _enqueue,
    "restart": _restart,
    "catchup": _catchup,
    "latency": _latency,
    "live": _live,
    "lane": _lane,
    "decoding": _decoding,
    "eyes": _eyes,
    "memory": _memory,
    "people": _people,
    "scanners": _scanners,
    "tokens": _tokens,
    "codes": _codes,
    "identity": _identity,
    "funnel": _funnel,
    "headquarters": _headquarters,
    "identity_durable": _durable,
    "identity_online": _identity_online,
}
