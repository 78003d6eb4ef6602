"""A number is acted upon only where it is known, certain, and alone at its place."""

from hardware.codes.acceptance import Candidate, judge

SURE = Candidate(number="04006381333931", sure=True)
DOUBTED = Candidate(number="04006381333931", sure=False)
OTHER = Candidate(number="00036000291452", sure=True)


def test_only_a_certain_and_known_number_is_accepted() -> None:
    known = {SURE.number}.__contains__
    assert judge(SURE, (), known) == "accepted"
    assert judge(OTHER, (), known) == "refused"
    assert judge(DOUBTED, (), known) == "uncertain"


def test_two_numbers_at_one_place_are_uncertain_though_both_are_sold() -> None:
    known = {SURE.number, OTHER.number}.__contains__
    assert judge(SURE, (OTHER,), known) == "uncertain"
    assert judge(SURE, (SURE,), known) == "accepted"
