"""Pseudonyms of names, accounts, ARNs and sentences: equal for equal text and key, wherever the text occurs.

A pseudonym is derived from an HMAC of the text (RFC 2104, with SHA-256), so that names cannot be guessed
without the key. It keeps the shape of the original: accounts have twelve digits, ARNs parse, ids keep their
prefix.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Address
from typing import Final

from scanner.report.redact.vocabulary import TOKEN, core, tokens, vocabulary

_REGION: Final = re.compile(
    r"(?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso|us-isob|us-isof|eu-isoe|eusc)(?:-[a-z]+)*"
    r"-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)(?:-[a-z]+)?-[0-9]{1,2}[a-f]?"
)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,11}(?:[.][0-9]+)?(?:h|d|s|ms|st|nd|rd|th|%|[KMGTP]i?B)?")
_DATE: Final = re.compile(
    r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]"
    r"(?:T[0-2][0-9](?::[0-5][0-9](?::[0-6][0-9](?:[.][0-9]{1,9})?)?)?(?:Z|[+-][0-2][0-9]:?[0-5][0-9])?)?"
)
_CLOCK: Final = re.compile(r"[0-9]{2}(?:[.][0-9]{1,9})?Z|[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-9]{2}")
"""The parts of a time that was split at its colons."""

_VERSION: Final = re.compile(r"[0-9]{1,4}[.][0-9]{1,4}[.][0-9]{1,4}")
_PLAIN: Final = re.compile("|".join(form.pattern for form in (_NUMBER, _REGION, _DATE, _CLOCK, _VERSION)))
_ADDRESS: Final = re.compile(
    r"(?<![\w:.])(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}"
    r"|(?=[0-9a-f.]*:[0-9a-f.]*:)(?:(?!:::)[0-9a-f:.]){0,43}(?:[0-9a-f.]|::))(?!\w|:\w)",
    re.IGNORECASE,
)
"""A MAC address, and what may be an IPv6 address: times have two colons as well (`_is_address`).

A colon may follow in a sentence, even where the address ends with two ("100:::").
"""

_MAC_LENGTH: Final = 17
_ACCOUNT_DIGITS: Final = 12
_LEAST_DIGITS: Final = 9
"""Digits of a number from which on it may be an account's id without its leading zeros."""

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
"""Words that may follow the kind in an ARN and are not names."""

_OWN: Final = frozenset(("", "*", "**", "aws", "Default", "AWS"))
"""Names that AWS gives."""

_GENERAL: Final = frozenset(
    """
account accounts all and any backup backups by copies copy daily default every from hourly into monthly
none not only plan plans point points recovery region resource resources restore restores rule rules
selection selections tag tags test that the this vault vaults weekly with without yearly
""".split()  # noqa: SIM905 -- a list of them would fill the page
)
_SHORT: Final = 3
"""Names this short, and the words above, stay in sentences: they occur in too many ordinary ones."""

_LEAST_KEY: Final = 16
_REMEMBERED: Final = 100_000
_ARN_PARTS: Final = 6
_Pieces = list[tuple[str, bool]]
"""Pieces of a sentence, and whether each is redacted already."""


def new_key() -> bytes:
    """Return a random key, which is stored nowhere: pseudonyms of two runs have nothing in common."""
    return secrets.token_bytes(32)


class Pseudonyms:
    """Replaces names by pseudonyms. ValueError: the key is shorter than 16 bytes."""

    def __init__(self, key: bytes, names: Iterable[str] = ()) -> None:
        """Set the key, and names that sentences are searched for even where they are ordinary words."""
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
        """Search sentences for these names, too, from now on."""
        for name in names:
            if name not in self._sought and _is_sought(name):
                self._sought[name] = _whole(name)
                # A sentence that was redacted before may contain the new name.
                self._sentences.clear()

    def account(self, account: str) -> str:
        """Return twelve digits that begin with three zeros; two accounts never have the same."""
        # ARNs of AWS's own managed policies have `aws` for an account.
        if not account or account == "aws":
            return account
        pseudonym = self._accounts.get(account)
        if pseudonym is None:
            pseudonym = self._new_account(account)
        return pseudonym

    def _new_account(self, account: str) -> str:
        for attempt in range(1_000_000):
            number = int.from_bytes(self._digest(f"account\n{attempt}\n{account}")[:8])
            # Three leading zeros show that it is none of AWS's; zero itself is left out.
            pseudonym = f"{number % 999_999_999 + 1:012d}"
            # Nine digits are few enough for two accounts to meet.
            if pseudonym not in self._given and pseudonym != account:
                self._given.add(pseudonym)
                self._accounts[account] = pseudonym
                return pseudonym
        raise ValueError("there are more accounts than pseudonyms")

    def known_account(self, digits: str) -> str:
        """Return the account that a number is the id of, without its leading zeros; empty: none."""
        account = digits.zfill(_ACCOUNT_DIGITS)
        is_known = len(digits) >= _LEAST_DIGITS and account in self._accounts
        return account if is_known else ""

    def name(self, name: str) -> str:
        """Return the pseudonym of a name. Each part of an ARN, a path or `plan / rule` has its own."""
        pseudonym = self._names.get(name)
        if pseudonym is None:
            # Emptied as a whole: the same key gives the same pseudonym again.
            if len(self._names) > _REMEMBERED:
                self._names.clear()
            pseudonym = self._names[name] = self._name(name)
        return pseudonym

    def _name(self, name: str) -> str:
        # Names that AWS gives are the same in every account, and say nothing about one.
        if name in _OWN or name.startswith(("aws/", "alias/aws/")):
            return name
        if match := _ACCOUNT_SUBJECT.fullmatch(name):
            account, slash, region = match[2].partition("/")
            return match[1] + self.account(account) + slash + self._piece(region)
        if _is_address(name):
            return self._address(name)
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
        if account == "aws":  # AWS owns it, as it does its managed policies
            return arn
        service_part = service if service.lower() in vocabulary() else self._piece(service)
        where = (service_part, self._piece(region), self.account(account))
        return ":".join((head, partition, *where, self._tail(tail, kindless=service in _KINDLESS)))

    def _tail(self, tail: str, *, kindless: bool) -> str:
        parts = re.split(r"([/:#])", tail)
        redacted: list[str] = []
        kinds = _KINDLESS_KINDS if kindless else _KINDS
        for at, part in enumerate(parts):
            if part in "/:#":
                redacted.append(part)
            # A vault may be called `vault`: the last part is a name, except for `root`.
            elif part in kinds and (at < len(parts) - 1 or part == "root"):
                redacted.append(part)
                kinds = _SECOND
            else:
                redacted.append(self._piece(part))
                kinds = _KINDLESS_KINDS
        return "".join(redacted)

    def _path(self, text: str) -> str:
        parts = _SEPARATORS.split(text)
        if len(parts) == 1:
            return self._piece(text)
        # Resources without a name of their own are called like `volume/vol-1`.
        kind = parts[0] in _KINDS and parts[1] in "/:"
        return (parts[0] if kind else self._piece(parts[0])) + "".join(
            part if _SEPARATORS.fullmatch(part) else self._piece(part) for part in parts[1:]
        )

    def _piece(self, piece: str) -> str:
        """Return the pseudonym of a text that has no parts. Numbers and dates can be names as well."""
        # Regions stay: findings make no sense without them.
        if piece in _OWN or _REGION.fullmatch(piece):
            return piece
        return self._of_a_form(piece) or f"name-{self._letters(piece)}"

    def _of_a_form(self, piece: str) -> str:
        """Return a pseudonym of the same form (account id, UUID, resource id, ...); empty: no such form."""
        if _ACCOUNT.fullmatch(piece):
            return self.account(piece)
        if _UUID.fullmatch(piece):
            return self._uuid(piece)
        if match := _ID.fullmatch(piece):
            return f"{match[1]}-{self._digest(piece).hex()[: len(match[2])]}"
        if match := _UNIT.fullmatch(piece):
            return match[1] + "".join(f"-{self._letters(part)}" for part in match[2][1:].split("-"))
        return f"{self._letters(piece)}@example.invalid" if _MAIL.fullmatch(piece) else ""

    def _uuid(self, piece: str) -> str:
        digits = self._digest(piece.lower()).hex()
        pseudonym = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
        # Some services write ids in capitals, and programs may compare them.
        return pseudonym.upper() if piece.upper() == piece else pseudonym

    def _address(self, text: str) -> str:
        """Return an IPv6 address that is reserved for documentation (RFC 3849)."""
        digits = self._digest(text.lower()).hex()
        return f"2001:db8:{digits[:4]}:{digits[4:8]}::{digits[8:12]}"

    def _address_in_text(self, text: str) -> str:
        return self._address(text) if _is_address(text) else text

    def _letters(self, text: str) -> str:
        return base64.b32encode(self._digest(text)[:10]).decode()[:12].lower()

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), hashlib.sha256)

    def sentence(self, text: str, names: Iterable[str] = ()) -> str:
        """Return a sentence with pseudonyms for its names. `names`: those that it may contain."""
        here = [name for name in dict.fromkeys(names) if name in text and _is_sought(name)]
        if here:
            return self._sentence(text, {**self._sought, **{name: _whole(name) for name in here}})
        redacted = self._sentences.get(text)
        if redacted is None:
            if len(self._sentences) > _REMEMBERED:
                self._sentences.clear()
            redacted = self._sentences[text] = self._sentence(text, self._sought)
        return redacted

    def _sentence(self, text: str, names: Mapping[str, re.Pattern[str]]) -> str:
        """Redact ARNs and names first, the longest first; then each word that is not the program's own."""
        pieces = _cut([(text, False)], _ARN, self._arn_in_text)
        pieces = _cut(pieces, _ADDRESS, self._address_in_text, _is_address)
        present = [name for name in names if name in text]
        # `prod-vault` before `prod`, which would leave `-vault` behind.
        for name in sorted(present, key=len, reverse=True):
            pieces = _cut(pieces, names[name], self.name)
        return "".join(piece if done else TOKEN.sub(self._token, piece) for piece, done in pieces)

    def words(self, text: str) -> str:
        """Return a text of the program's or AWS's words (`COMPLETED`, `eu-west-1`), other words redacted."""
        redacted = self._words.get(text)
        if redacted is None:
            if len(self._words) > _REMEMBERED:
                self._words.clear()
            pieces = _cut([(text, False)], _ADDRESS, self._address_in_text, _is_address)
            redacted = self._words[text] = "".join(
                piece if done else TOKEN.sub(self._token, piece) for piece, done in pieces
            )
        return redacted

    def path(self, path: str) -> str:
        """Return the redacted name of a file of a scan: `evidence/ACCOUNT/REGION.jsonl.gz`."""
        return "".join(part if part in ("/", ".") else self.words(part) for part in re.split(r"([/.])", path))

    def _arn_in_text(self, arn: str) -> str:
        bare = arn.rstrip(".:/")
        return self.name(bare) + arn[len(bare) :]

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        pseudonym = self._tokens.get(token)
        if pseudonym is None:
            if len(self._tokens) > _REMEMBERED:
                self._tokens.clear()
            pseudonym = self._tokens[token] = self._new_token(token)
        return pseudonym

    def _new_token(self, token: str) -> str:
        word = core(token)
        # An account id is a number as well, but never stays.
        if not word or is_plain(word) or (word.lower() in vocabulary() and not _ACCOUNT.fullmatch(word)):
            return token
        before, _, behind = token.partition(word)
        return before + self._piece(word) + behind


def _cut(
    pieces: _Pieces,
    pattern: re.Pattern[str],
    redact: Callable[[str], str],
    applies: Callable[[str], bool] = bool,
) -> _Pieces:
    """Split the pieces that are not redacted yet at each match that `applies`, and redact these matches."""
    cut: _Pieces = []
    for piece, done in pieces:
        at = 0
        matches = pattern.finditer("" if done else piece)
        for match in (match for match in matches if applies(match[0])):
            cut += [(piece[at : match.start()], False), (redact(match[0]), True)]
            at = match.end()
        cut.append((piece[at:], done))
    return cut


def _whole(name: str) -> re.Pattern[str]:
    # Whole words only: `daily` must not be replaced within `nondaily`.
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")


def _is_sought(name: str) -> bool:
    """Return whether a name must be searched for as a whole, because redacting word by word would miss it."""
    if len(name) <= _SHORT or name.lower() in _GENERAL or name in _OWN or _REGION.fullmatch(name):
        return False
    if name.startswith("arn:"):
        return False
    words = list(tokens(name))
    return words != [name.lower()] or words[0] in vocabulary() or is_plain(name)


def is_plain(piece: str) -> bool:
    """Return whether it is a number, a date or a Region, which stay where they are no name."""
    return _PLAIN.fullmatch(piece) is not None


def _is_address(text: str) -> bool:
    """Return whether it is an IPv6 or a MAC address."""
    if len(text) == _MAC_LENGTH and text.count(":") == 5:  # noqa: PLR2004 -- between six bytes
        return True
    if ":" not in text:
        return False
    try:
        return IPv6Address(text).version == 6  # noqa: PLR2004 -- of the protocol
    except ValueError:
        return False
