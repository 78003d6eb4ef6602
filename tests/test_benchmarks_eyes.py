from benchmarks.eyes import eyes


def test_watching_a_camera_costs_little():
    watched, read = eyes(turns=1, frames=30)
    assert 0 < watched.value < 3
    assert read.ratio is not None
    assert 0 < read.ratio < 5
