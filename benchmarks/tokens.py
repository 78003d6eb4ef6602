"""How many signed codes a store understands in a second, beside the bare check of a signature."""

import time
from collections.abc import Callable, Iterable
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.result import Goal, Result
from edge_agent.codes.codes import Rules, understand
from wire.signed import NUMBER_BYTES, SignedCode, sign, signers_of

CODES = 2_000
RUNS = 5


def tokens(*, codes: int = CODES, runs: int = RUNS) -> Iterable[Result]:
    """Measure in one thread, in CPU time; what is understood is the text as a reader gives it."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    rules = Rules(signers=signers_of([public.public_bytes_raw().hex()]))
    texts = [sign(_token(number), key).encode() for number in range(codes)]
    said = bytes(42)
    signature = key.sign(said)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(runs):
        ours.append(_per_second(codes, lambda: [understand(text, rules) for text in texts]))
        bare.append(
            _per_second(codes, lambda: [public.verify(signature, said) for _ in range(codes)])
        )
    yield Result(
        name="signed codes understood",
        value=median(ours),
        unit="codes/s/core",
        goal=Goal(of="value", better="at least", number=2_000),
        peer="the bare signature",
        peer_value=median(bare),
        runs=runs,
    )


def _token(number: int) -> SignedCode:
    return SignedCode(
        kind="member",
        subject=bytes(16).hex(),
        issued_at_s=1_750_000_000,
        lifetime_s=60,
        number=number.to_bytes(NUMBER_BYTES),
    )


def _per_second(count: int, work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return count / (time.process_time() - began)
