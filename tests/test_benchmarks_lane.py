from benchmarks.decoding import decoding
from benchmarks.lamp import ANSWER_TIMEOUT_S, lamp
from benchmarks.lane import lane


def test_lane_shows_codes_to_a_real_agent_and_finds_them_recorded():
    results = list(lane(shown=4, every_s=0.5))  # time enough for a busy machine
    assert all(each.runs for each in results)
    assert results[0].value <= 10
    assert sum(each.goal is not None for each in results) == 3


def test_decoding_is_measured_confined_and_not_and_after_each_fault():
    cost, *faults = decoding(turns=1, faults=1)
    assert cost.peer_value
    assert len(faults) == 3
    assert sum(each.goal is not None for each in faults) == 2


def test_a_lamp_and_a_buzzer_on_a_real_line_answer_scans_from_another():
    light, sound = lamp(scans=3)
    assert light.peer_value
    assert max(light.value, sound.value) < ANSWER_TIMEOUT_S * 1_000
