"""What counts as a visit, a visitor, a group and staff: the settings of counting people."""

import msgspec


class PeopleRules(msgspec.Struct, frozen=True, kw_only=True):
    """How people are counted; every time is in seconds.

    `pass_by_s`: whoever is in a zone for less passed by; `reentry_s`: whoever is back in it within
    this time never left; `lost_s`: whoever is lost from sight in it and seen there again within
    this time is the same; `engaged_s`: a stay of at least this is engagement; `u_turn_s`: whoever
    crosses a line and comes back within this time is counted in neither direction; `group_s`:
    people who enter side by side within this time are one group (0: each alone); `staff_zones`:
    whoever enters one of them is staff; `staff_s`: whoever is followed for longer is staff
    (0: nobody is).
    """

    pass_by_s: float = 1.0
    reentry_s: float = 1.5
    lost_s: float = 5.0
    engaged_s: float = 10.0
    u_turn_s: float = 2.0
    group_s: float = 2.0
    staff_zones: tuple[str, ...] = ()
    staff_s: float = 0.0

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        wrong = [
            f"{name}: expects 0 to 86400 seconds, not {value}"
            for name, value in given.items()
            if isinstance(value, float | int) and not 0 <= value <= 86_400
        ]
        if wrong:
            raise ValueError("\n".join(wrong))
