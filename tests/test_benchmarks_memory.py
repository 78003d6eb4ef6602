from benchmarks.memory import memory


def test_memory_measures_a_real_agent_at_rest_and_while_it_sends():
    at_rest, most = memory(queued=2_000, drained=1_000, at_rest_s=0.2)
    assert 20 < at_rest.value <= most.value
