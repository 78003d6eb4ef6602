"""`storebridge report`: what the figures say, for headquarters and for scripts."""

import json
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from storebridge.commands.answers import Answering
from storebridge.commands.cloud import ConfigFile, Tenant, opened_as_it_is, read_config

if TYPE_CHECKING:
    from cloud_sync.reports.price_shown import Difference

app = typer.Typer(cls=Answering, help="Reports.", no_args_is_help=True)

DAYS = ["%Y-%m-%d"]


@app.callback()
def main() -> None:
    """Print what the figures say."""


@app.command()
def prices(
    config: ConfigFile,
    tenant: Tenant,
    since: Annotated[datetime, typer.Option("--from", formats=DAYS, help="The first day.")],
    until: Annotated[datetime, typer.Option("--to", formats=DAYS, help="The last day.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """List each product of which channels showed different prices, and for how long."""
    from cloud_sync.database import Sight
    from cloud_sync.reports.price_shown import differences

    if until < since:
        raise typer.BadParameter("--to lies before --from")
    checked = read_config(config)
    zone = ZoneInfo(checked.web.time_zone)
    begins, ends = _day(since.date(), zone), _day(until.date() + timedelta(days=1), zone)
    with opened_as_it_is(checked) as database, database.seen_by(Sight(tenant=tenant)) as connection:
        products, found = differences(connection, tenant, begins, ends)
    if as_json:
        typer.echo(json.dumps({"products": products, "differences": list(map(_plain, found))}))
        return
    table = Table("product", "from", "to", "lasted", "prices")
    for each in found:
        shown = "; ".join(
            f"{price.price_cents / 100:.2f} {price.currency} ({', '.join(price.channels[:5])}"
            f"{', …' if len(price.channels) > 5 else ''})"
            for price in each.prices
        )
        lasted = str(timedelta(seconds=round(each.lasted_s)))
        table.add_row(each.product, _told(each.since, zone), _told(each.until, zone), lasted, shown)
    Console().print(
        table if found else f"All channels agreed on {products} products.", markup=False
    )


def _day(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1_000_000)


def _told(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at / 1_000_000, zone):%Y-%m-%d %H:%M}"


def _plain(each: "Difference") -> dict[str, object]:
    return {
        "product": each.product,
        "since": each.since,
        "until": each.until,
        "lasted_s": each.lasted_s,
        "prices": [price._asdict() for price in each.prices],
    }
