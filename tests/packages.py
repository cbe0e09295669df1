"""The product's packages, as the list of rooms has them: a room that is added is held to the rules of the house, too."""

from lifecycle.rooms import ROOMS

PACKAGES = tuple(dict.fromkeys(("lifecycle", *(room.partition(".")[0] for room in ROOMS))))
