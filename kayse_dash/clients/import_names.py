"""Full names taken apart. Pure."""

from __future__ import annotations

_TITLES = frozenset("mr mrs ms miss mx dr prof rev hon sir madam".split())
_ENDINGS = frozenset("jr sr i ii iii iv v esq md phd dds".split())
# Words that a family name begins with.
_PARTICLES = frozenset("al ap ben bin da das de del della den der di do dos du el la las le los mac mc st van ver von zu".split())


def split_name(text: str) -> tuple[str, str]:
    """First and last name: ("Mary Ann", "Smith Jr.") of "Mary Ann Smith Jr." and of "Smith Jr., Mary Ann"."""
    before, comma, after = text.partition(",")
    if comma and not all(_plain(word) in _ENDINGS for word in after.split()):
        return " ".join(_without_titles(after.split())), before.strip()
    words = _without_titles(text.replace(",", " ").split())
    if len(words) < 2:
        return (words[0] if words else "", "")
    last = len(words) - 1
    while last > 1 and _plain(words[last]) in _ENDINGS:
        last -= 1
    while last > 1 and _plain(words[last - 1]) in _PARTICLES:
        last -= 1
    return " ".join(words[:last]), " ".join(words[last:])


def _without_titles(words: list[str]) -> list[str]:
    while len(words) > 1 and _plain(words[0]) in _TITLES:
        words = words[1:]
    return words


def _plain(word: str) -> str:
    return word.strip(".,").lower()
