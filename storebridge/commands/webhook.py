"""`storebridge webhook`: deliveries of other systems that could not be read."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from storebridge.commands.answers import Answering
from storebridge.commands.cloud import ConfigFile, opened_as_it_is, read_config

if TYPE_CHECKING:
    from cloud_sync.channels.refused import Refused
    from cloud_sync.config import CloudConfig
    from cloud_sync.database import Database

app = typer.Typer(cls=Answering, help="Deliveries of other systems.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OnlyTenant = Annotated[str | None, typer.Option(help="Only this tenant's.")]


@app.command("list")
def list_refused(
    config: ConfigFile,
    tenant: OnlyTenant = None,
    replayed: Annotated[bool, typer.Option(help="Those that were replayed, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the deliveries that are set aside, oldest first, each with its reason."""
    from cloud_sync.channels import refused

    with opened_as_it_is(read_config(config)) as database, database.shopper("") as connection:
        entries = refused.listed(connection, tenant, replayed=replayed)
    if as_json:
        rows = [
            {
                "tenant": each.tenant,
                "webhook": each.webhook,
                "delivery": each.delivery,
                "reason": each.reason,
                "refused_at": each.refused_at,
                "replayed_at": each.replayed_at,
            }
            for each in entries
        ]
        typer.echo(json.dumps(rows))
        return
    table = Table("tenant", "webhook", "delivery", "refused at", "reason")
    for each in entries:
        at = datetime.fromtimestamp(each.refused_at / 1_000_000, UTC)
        reason = each.reason.encode("unicode_escape").decode()
        table.add_row(each.tenant, each.webhook, each.delivery, f"{at:%Y-%m-%d %H:%M:%S}Z", reason)
    Console().print(table if entries else "No delivery is set aside.", markup=False)


@app.command("replay")
def replay_refused(
    config: ConfigFile,
    delivery: Annotated[
        str | None, typer.Argument(help="The delivery, as `list` names it; all when none named.")
    ] = None,
    tenant: OnlyTenant = None,
    as_json: AsJson = False,
) -> None:
    """Read deliveries anew and accept what can be read now; after an upgrade, say."""
    from cloud_sync.channels import refused

    checked = read_config(config)
    with opened_as_it_is(checked) as database:
        with database.shopper("") as connection:
            entries = refused.listed(connection, tenant)
        chosen = [each for each in entries if delivery in (None, each.delivery)]
        if delivery is not None and not chosen:
            raise typer.BadParameter(f"no delivery {delivery} is set aside; see `webhook list`")
        done = [_replay(checked, database, each) for each in chosen]
    accepted = [each for each in done if each is not None]
    still = len(done) - len(accepted)
    if as_json:
        result = {"deliveries": len(accepted), "accepted": sum(accepted), "refused": still}
        typer.echo(json.dumps(result))
    else:
        typer.echo(
            f"{len(accepted)} deliveries read: {sum(accepted)} events accepted;"
            f" {still} still refused."
        )


def _replay(checked: "CloudConfig", database: "Database", entry: "Refused") -> int | None:
    """Return how many events a delivery brought, None when it is still refused."""
    from cloud_sync.channels import refused
    from cloud_sync.database import retried
    from cloud_sync.intake.posted import PostRefusedError
    from storebridge.assembly import build_webhooks

    webhook = build_webhooks(checked).get(entry.webhook)
    key = checked.identifier_keys.get(entry.tenant)
    if webhook is None or key is None or webhook.tenant != entry.tenant:
        typer.echo(f"{entry.delivery}: [webhooks.{entry.webhook}] is not configured", err=True)
        return None
    now = time.time_ns() // 1000
    try:
        done = retried(
            lambda: database.ledger(0),
            lambda connection: refused.replay(connection, entry, webhook, key, now),
        )
    except refused.SealedError as error:
        typer.echo(str(error), err=True)
        return None
    return None if isinstance(done, PostRefusedError) else done.accepted
