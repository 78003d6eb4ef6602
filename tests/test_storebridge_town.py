"""The town of the demo: what its cameras are told to count."""

from hardware.cameras.frames import Frame
from hardware.people.detectors import detector_for
from hardware.people.people import PeopleCounter
from hardware.people.zones import ZoneMap
from hardware.readings import PeopleReading
from storebridge.simulated.walks import WalkScene, visit_walk
from storebridge.town import DOOR_LINES, FLOOR_ZONES, FRAME_HEIGHT, FRAME_WIDTH

FRAMES_PER_S = 8


def test_whoever_walks_through_a_shop_of_the_demo_is_counted_at_both_doors() -> None:
    size = (FRAME_WIDTH, FRAME_HEIGHT)
    zones = ZoneMap(
        zones={name: tuple((x, y) for x, y in corners) for name, corners in FLOOR_ZONES.items()},
        lines={name: ((a, b), (c, d)) for name, ((a, b), (c, d)) in DOOR_LINES.items()},
    )
    walk = visit_walk(size, zones.zones["shelf-a"], starts_s=1.0, stay_s=1.0, seed=0)
    scene = WalkScene(size, walks=[walk])
    counter = PeopleCounter(zones, detector_for(""))
    readings: list[PeopleReading] = []
    for n in range(round((walk.ends_s + 1.0) * FRAMES_PER_S)):
        pixels = scene.frame(n / FRAMES_PER_S)
        readings.append(
            counter.see(Frame(pixels=pixels, at_mono_ms=n * 1000 // FRAMES_PER_S, number=n))
        )
    readings.append(counter.finish())
    told = [each for reading in readings for each in reading.passages]
    assert sum(each.people_in for each in told if each.line == "door-in") == 1
    assert sum(each.people_out for each in told if each.line == "door-out") == 1
