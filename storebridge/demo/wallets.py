"""What members of the demo carry: a phone that shows tokens of the cloud, and a plastic card."""

import time
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection

from cloud_sync.codes.code_keys import set_code_keys
from cloud_sync.codes.signing_key import make_signing_key, read_signing_key
from cloud_sync.intake.api_keys import create_key
from storebridge.simulated.cards import Held
from storebridge.town import TENANT, Town
from storebridge.webshop.cloud_api import CloudApi
from wire.identifiers import key_identifier
from wire.signed import SignedCode, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallets:
    """The phones and cards of all members; cards are signed for good, as they are printed once."""

    app: CloudApi
    signing_key: Ed25519PrivateKey = field(repr=False)
    identifier_key: bytes = field(repr=False)

    def phone(self, member: str) -> Held:
        """Return a member's phone with a token that the cloud gives it now.

        One that gets none (the cloud is away, or was asked too often) leaves its owner the card.
        """
        token = self.app.member_token(member)
        return self.card(member) if token is None else Held(token, "phone")

    def card(self, member: str) -> Held:
        """Return a member's plastic card."""
        keyed = key_identifier("member", member, key=self.identifier_key)
        return Held(self._signed("member", keyed.value.hex()), "card")

    def payment(self) -> Held:
        """Return what lies at the till to pay with."""
        return Held(self._signed("payment", "card"), "card")

    def _signed(self, kind: Literal["member", "payment"], subject: str) -> str:
        code = SignedCode(kind=kind, subject=subject, issued_at_s=int(time.time()))
        return sign(code, self.signing_key)


def new_wallets(connection: Connection, town: Town) -> Wallets:
    """Make the key that the town's codes are signed with, and the app's own key at the cloud."""
    town.signing_key_file.unlink(missing_ok=True)  # of an earlier run in a folder that is kept
    public_key = make_signing_key(town.signing_key_file)
    set_code_keys(connection, TENANT, [public_key])
    app_key = create_key(connection, TENANT, "app", issues_tokens=True)
    return Wallets(
        app=CloudApi(f"http://{town.host}:{town.cloud_port}", app_key),
        signing_key=read_signing_key(town.signing_key_file),
        identifier_key=town.identifier_key,
    )
