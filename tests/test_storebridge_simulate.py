import json

from typer.testing import CliRunner

from storebridge.commands.simulate import app


def test_the_simulation_ends_with_its_count_as_json():
    ran = CliRunner().invoke(app, ["delivery", "--seeds", "20", "--first", "40", "--json"])

    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert set(told) == {"schedules", "failed", "lost", "doubled", "per_second", "faults"}
    assert (told["schedules"], told["failed"], told["lost"], told["doubled"]) == (20, 0, 0, 0)
    assert sum(told["faults"].values()) >= 5 * 20
    # Of one core's own time: some 50 where nothing else runs. Only a bound: `make bench` measures.
    assert told["per_second"] >= 10


def test_real_files_and_a_real_database_are_one_option_away():
    ran = CliRunner().invoke(app, ["delivery", "--real", "--seeds", "1", "--json"])

    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["schedules"], told["failed"]) == (1, 0)
