import json

from typer.testing import CliRunner

from storebridge.commands.simulate import app


def test_the_simulation_ends_with_its_count_as_json():
    ran = CliRunner().invoke(app, ["delivery", "--seeds", "3", "--first", "40", "--json"])

    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert set(told) == {"schedules", "failed", "lost", "doubled", "per_second", "faults"}
    assert (told["schedules"], told["failed"], told["lost"], told["doubled"]) == (3, 0, 0, 0)
    assert sum(told["faults"].values()) >= 15
