"""Words as the search compares them: without accents, case or signs. What is folded here stands in the
database, so a change here is a new migration that fills `Picture.words` anew."""

from __future__ import annotations

import re
import unicodedata

from generations.invisible import with_few_marks, without_any, without_needless

# Longer ones are cut, here and in what is searched for.
LONGEST_WORD = 50
# Letters that Unicode does not take apart.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
# Chinese and Japanese put no spaces between words: each sign is one.
_SIGN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Thai, Lao, Burmese and Khmer put none either: each consonant with its marks is one.
_CLUSTERED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# Combining classes of marks that are no accents: no mark order (vowel signs), virama, and vowels and tones of
# Telugu, Thai, Lao and Tibetan. A word without these is another word.
_SPELLING = frozenset({0, 9, 84, 91, 103, 107, 118, 122, 129, 130, 132})
# Python's \w has no marks. All that Unicode has stand in its first two planes.
_MARKS = "".join(
    letter for letter in map(chr, range(0x300, 0x20000)) if unicodedata.category(letter)[0] == "M"
)
_WORD = re.compile(
    rf"[{_SIGN}]|[{_CLUSTERED}](?:[\u1039\u17d2][{_CLUSTERED}]|[{_MARKS}])*"
    rf"|[^\W_{_SIGN}{_CLUSTERED}](?:[^\W_{_SIGN}{_CLUSTERED}]|[{_MARKS}])*"
)


def fold(text: str) -> str:
    """Return the text without case and accents."""
    apart = without_any(unicodedata.normalize("NFKD", with_few_marks(text)).casefold())
    return "".join(filter(_is_spelled, apart)).translate(_PLAIN)


def _is_spelled(letter: str) -> bool:
    return unicodedata.combining(letter) in _SPELLING


def words_in(text: str) -> list[str]:
    """Return the words of a text, folded, in their order, each as often as it stands there."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(fold(text))]


def of_owner(user_id: int, word: str) -> str:
    """Return a word as the index has it: with whose it is, so that nobody's search reads what is others'."""
    return f"{user_id}_{word}"


def indexed(user_id: int, prompt: str) -> str:
    """Return what is to be indexed of a prompt."""
    return " ".join(of_owner(user_id, word) for word in sorted(set(words_in(prompt))))


def tag_key(name: str) -> str:
    """Return a tag's name as tags are compared: letters big or small are one, accents tell them apart."""
    return unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", without_needless(with_few_marks(name))).casefold()
    )
