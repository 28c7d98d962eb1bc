"""A name, account, ARN or sentence to its pseudonym: the same for the same text and key, whatever its place.

A pseudonym is made of an HMAC of the text (RFC 2104, with SHA-256), so that nobody can try out names without
the key. Its shape is that of the original: accounts have twelve digits, ARNs parse, ids keep their prefix.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from scanner.report.redact.vocabulary import TOKEN, core, tokens, vocabulary

_REGION: Final = re.compile(
    r"(?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso|us-isob|us-isof|eu-isoe|eusc)(?:-[a-z]+)*"
    r"-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)(?:-[a-z]+)?-[0-9]{1,2}[a-f]?"
)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,11}(?:[.][0-9]+)?(?:h|d|s|ms|st|nd|rd|th|%|[KMGTP]i?B)?")
_DATE: Final = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:T[0-9:.]{2,18}(?:Z|[+-][0-9:]{5})?)?")
_CLOCK: Final = re.compile(r"[0-9]{2}(?:[.][0-9]{1,9})?Z|[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-9]{2}")
"""What is left of a time when it is cut at its colons."""

_VERSION: Final = re.compile(r"[0-9]{1,4}[.][0-9]{1,4}[.][0-9]{1,4}")
_PLAIN: Final = re.compile("|".join(form.pattern for form in (_NUMBER, _REGION, _DATE, _CLOCK, _VERSION)))
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID: Final = re.compile(
    r"(vol|snap|i|ami|fs|fsvol|vm|hyp|bgw|sgw|eni|sg|vpc|subnet|backup|r|mrk|lh|cluster|sp|svm)-([0-9a-f]{8,32})"
)
_UNIT: Final = re.compile(r"(o|r|ou)((?:-[0-9a-z]{4,32}){1,2})")
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+[.][^@\s]+")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[^\s:]*:[^\s:]*:[^\s:]*:(?:(?!->)[^\s,;()\[\]{}\"'<>|])+")
_ARN_HEAD: Final = re.compile(r"arn:aws[a-z-]*")
_SEPARATORS: Final = re.compile(r"( / | -> |->|[/:#])")
_ACCOUNT_SUBJECT: Final = re.compile(r"(aws:account(?:-region)?:)(.*)", re.DOTALL)

# Words that say what kind of thing an ARN names (Service Authorization Reference).
_KINDS: Final = frozenset(
    """
access-point account alias approval-team assumed-role aws-service-role backup backup-gateway backup-plan
backup-vault bucket cluster cluster-pg cluster-snapshot continuous copy-job database db elasticfilesystem
file-system framework function gateway group hypervisor image instance job key legal-hold mpa-team
namespace organization orgs ou plan policy recovery-point report-plan restore-job restore-testing-plan
role root scan-job service-role share snapshot snapshot-policy stack sts-session table team tiering-
configuration topic user vault virtual-machine vm volume workgroup
""".split()  # noqa: SIM905 -- a list of them would fill the page
)
_KINDLESS: Final = frozenset(("s3", "sns", "sqs"))  # their ARNs end with the name alone
_KINDLESS_KINDS: Final[frozenset[str]] = frozenset()
_SECOND: Final = frozenset(("aws-service-role", "continuous", "orgs", "service-role"))
"""What may stand behind the kind, and is no name."""

_OWN: Final = frozenset(("", "*", "**", "aws", "Default", "AWS"))
"""What AWS itself names."""

_GENERAL: Final = frozenset(
    """
account accounts all and any backup backups by copies copy daily default every from hourly into monthly
none not only plan plans point points recovery region resource resources restore restores rule rules
selection selections tag tags test that the this vault vaults weekly with without yearly
""".split()  # noqa: SIM905 -- a list of them would fill the page
)
_SHORT: Final = 3
"""Names of so few letters, and the words above, are left alone in sentences: they stand in too many."""

_LEAST_KEY: Final = 16
_REMEMBERED: Final = 100_000
_ARN_PARTS: Final = 6
_Pieces = list[tuple[str, bool]]
"""Pieces of a sentence, and whether each is done."""


def new_key() -> bytes:
    """Make a key that nobody knows: pseudonyms of two runs then have nothing in common."""
    return secrets.token_bytes(32)


class Pseudonyms:
    """Gives pseudonyms. ValueError: the key is shorter than 16 bytes."""

    def __init__(self, key: bytes, names: Iterable[str] = ()) -> None:
        """Take the key, and names that are looked for in sentences even where they are ordinary words."""
        if len(key) < _LEAST_KEY:
            raise ValueError(f"the key has {len(key)} bytes: {_LEAST_KEY} are needed at least")
        self._key = key
        self._accounts: dict[str, str] = {}
        self._given: set[str] = set()
        self._names: dict[str, str] = {}
        self._sentences: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._sought: dict[str, re.Pattern[str]] = {}
        self.seek(names)

    def seek(self, names: Iterable[str]) -> None:
        """Look for these names in sentences from now on."""
        for name in names:
            if name not in self._sought and _is_sought(name):
                self._sought[name] = _whole(name)
                self._sentences.clear()

    def account(self, account: str) -> str:
        """Give twelve digits, three zeros first; two accounts never have the same."""
        if not account or account == "aws":
            return account
        known = self._accounts.get(account)
        if known is None:
            known = self._new_account(account)
        return known

    def _new_account(self, account: str) -> str:
        for attempt in range(1_000_000):
            number = int.from_bytes(self._digest(f"account\n{attempt}\n{account}")[:8])
            told = f"{number % 999_999_999 + 1:012d}"
            if told not in self._given and told != account:
                self._given.add(told)
                self._accounts[account] = told
                return told
        raise ValueError("there are more accounts than pseudonyms")

    def name(self, name: str) -> str:
        """Give the pseudonym of a name: each part of an ARN, a path or `plan / rule` has its own."""
        known = self._names.get(name)
        if known is None:
            if len(self._names) > _REMEMBERED:
                self._names.clear()
            known = self._names[name] = self._name(name)
        return known

    def _name(self, name: str) -> str:
        if name in _OWN or name.startswith(("aws/", "alias/aws/")):
            return name
        if found := _ACCOUNT_SUBJECT.fullmatch(name):
            account, slash, region = found[2].partition("/")
            return found[1] + self.account(account) + slash + self._piece(region)
        if "arn:" in name:
            return "".join(self._arn_or_name(part) for part in re.split(r"( -> |->| / |#|,\s*)", name))
        return self._path(name)

    def _arn_or_name(self, part: str) -> str:
        return self._arn(part) if _ARN_HEAD.match(part) else self._path(part)

    def _arn(self, arn: str) -> str:
        parts = arn.split(":", _ARN_PARTS - 1)
        if len(parts) < _ARN_PARTS:
            return self._path(arn)
        head, partition, service, region, account, tail = parts
        if account == "aws":  # what AWS manages
            return arn
        kept = service if service.lower() in vocabulary() else self._piece(service)
        where = (kept, self._piece(region), self.account(account))
        return ":".join((head, partition, *where, self._tail(tail, kindless=service in _KINDLESS)))

    def _tail(self, tail: str, *, kindless: bool) -> str:
        parts = re.split(r"([/:#])", tail)
        told: list[str] = []
        kinds = _KINDLESS_KINDS if kindless else _KINDS
        for at, part in enumerate(parts):
            if part in "/:#":
                told.append(part)
            elif part in kinds and (at < len(parts) - 1 or part == "root"):
                told.append(part)
                kinds = _SECOND
            else:
                told.append(self._piece(part))
                kinds = _KINDLESS_KINDS
        return "".join(told)

    def _path(self, text: str) -> str:
        parts = _SEPARATORS.split(text)
        if len(parts) == 1:
            return self._piece(text)
        # `volume/vol-1` is how names of resources begin that have no better one.
        kind = parts[0] in _KINDS and parts[1] in "/:"
        return (parts[0] if kind else self._piece(parts[0])) + "".join(
            part if _SEPARATORS.fullmatch(part) else self._piece(part) for part in parts[1:]
        )

    def _piece(self, piece: str) -> str:
        """Give the pseudonym of what has no parts."""
        if piece in _OWN or _is_plain(piece):
            return piece
        return self._of_a_form(piece) or f"name-{self._letters(piece)}"

    def _of_a_form(self, piece: str) -> str:
        """Give the pseudonym of what has a form that must stay; empty: it has none."""
        if _ACCOUNT.fullmatch(piece):
            return self.account(piece)
        if _UUID.fullmatch(piece):
            return self._uuid(piece)
        if found := _ID.fullmatch(piece):
            return f"{found[1]}-{self._digest(piece).hex()[: len(found[2])]}"
        if found := _UNIT.fullmatch(piece):
            return found[1] + "".join(f"-{self._letters(part)}" for part in found[2][1:].split("-"))
        return f"{self._letters(piece)}@example.invalid" if _MAIL.fullmatch(piece) else ""

    def _uuid(self, piece: str) -> str:
        digits = self._digest(piece.lower()).hex()
        told = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
        return told.upper() if piece.upper() == piece else told

    def _letters(self, text: str) -> str:
        return base64.b32encode(self._digest(text)[:10]).decode()[:12].lower()

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), hashlib.sha256)

    def sentence(self, text: str, names: Iterable[str] = ()) -> str:
        """Give a sentence whose names are pseudonyms. `names`: those that it may speak of."""
        here = [name for name in dict.fromkeys(names) if name in text and _is_sought(name)]
        if here:
            return self._sentence(text, {**self._sought, **{name: _whole(name) for name in here}})
        known = self._sentences.get(text)
        if known is None:
            if len(self._sentences) > _REMEMBERED:
                self._sentences.clear()
            known = self._sentences[text] = self._sentence(text, self._sought)
        return known

    def _sentence(self, text: str, names: Mapping[str, re.Pattern[str]]) -> str:
        """Redact ARNs and names first, the longest first; then whatever is no word of the program's own."""
        pieces = _cut([(text, False)], _ARN, self._arn_in_text)
        present = [name for name in names if name in text]
        for name in sorted(present, key=len, reverse=True):
            pieces = _cut(pieces, names[name], self.name)
        return "".join(piece if done else TOKEN.sub(self._token, piece) for piece, done in pieces)

    def words(self, text: str) -> str:
        """Give a text of the program's or AWS's own words (`COMPLETED`, `eu-west-1`); names are redacted."""
        known = self._words.get(text)
        if known is None:
            if len(self._words) > _REMEMBERED:
                self._words.clear()
            known = self._words[text] = TOKEN.sub(self._token, text)
        return known

    def path(self, path: str) -> str:
        """Give the name of a file of a scan: `evidence/ACCOUNT/REGION.jsonl.gz`."""
        return "".join(part if part in ("/", ".") else self.words(part) for part in re.split(r"([/.])", path))

    def _arn_in_text(self, arn: str) -> str:
        bare = arn.rstrip(".:/")
        return self.name(bare) + arn[len(bare) :]

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        known = self._tokens.get(token)
        if known is None:
            if len(self._tokens) > _REMEMBERED:
                self._tokens.clear()
            known = self._tokens[token] = self._new_token(token)
        return known

    def _new_token(self, token: str) -> str:
        word = core(token)
        if not word or _is_plain(word) or (word.lower() in vocabulary() and not _ACCOUNT.fullmatch(word)):
            return token
        before, _, behind = token.partition(word)
        return before + self._piece(word) + behind


def _cut(pieces: _Pieces, pattern: re.Pattern[str], told: Callable[[str], str]) -> _Pieces:
    """Cut what is not done at what a pattern finds, and tell that."""
    found: _Pieces = []
    for piece, done in pieces:
        at = 0
        for each in pattern.finditer("" if done else piece):
            found += [(piece[at : each.start()], False), (told(each[0]), True)]
            at = each.end()
        found.append((piece[at:], done))
    return found


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")


def _is_sought(name: str) -> bool:
    """Whether the words of a sentence alone would not give a name away to be redacted as a whole."""
    if len(name) <= _SHORT or name.lower() in _GENERAL or name in _OWN or _is_plain(name):
        return False
    words = list(tokens(name))
    return not name.startswith("arn:") and (words != [name.lower()] or words[0] in vocabulary())


def _is_plain(piece: str) -> bool:
    """Whether it is a number, a date or a Region, which stay."""
    return _PLAIN.fullmatch(piece) is not None
