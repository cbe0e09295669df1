"""How people name tables and columns: who wrote a row, between whom it is, what is money, what leads somewhere.

Pure, and about names alone. A name says little: `doubts.py` and `nobodys.py` ask, unless the rows say the same.
"""

import re

_WROTE = re.compile(
    r"_(by|von|durch|par|por)(_\w+)?$|(^|_)(erstellt|erfasst|geaendert|gebucht"
    r"|whodunnit|granted|invited|created|updated|modified|deleted|changed|confirmed|approved)(_|$)"
)
_AUTHOR = re.compile(
    r"(^|_)(verfasser|autor|auteur|bearbeiter"
    r"|author|creator|editor|assignee|assigned|reviewer|approver|moderator|uploader|recorder|manager|supervisor"
    r"|updater|modifier|deleter|remover|(de)?activator|archiver|revoker|resolver|handler|processor|verifier|granter|issuer"
    r"|promoter|importer|publisher|closer|locker)(_|$)"
)
_CHANGED = re.compile(
    r"(^|_)((last_)?(edited|updated|modified|changed|touched|deleted|archived|approved|verified|reviewed|closed|resolved"
    r"|geaendert|bearbeitet)_(by|von|durch|par|por)(_\w+)?|updater|modifier|deleter|archiver|approver|verifier"
    r"|closer|resolver|revoker|deactivator)(_id)?$"
)
"""Who did something to a row that was there before: it is not theirs by that."""

_STAFF = re.compile(
    r"(^|_)(mitarbeiter|arzt|aerztin|berater|pfleger|medecin|medico"
    r"|owner|operator|organi[sz]er|agent|staff|nurse|doctor|physician|provider|practitioner|clinician|therapist|coach|teacher"
    r"|instructor|tutor|trainer|employee|admin|actor|contact|responsible)(_|$)"
)
_SIDE = re.compile(
    r"(^|_)(sender|recipient|receiver|inviter|referrer|referred|seller|buyer|host|guest|from|to)(_|$)"
)
_SORT = re.compile(r"(^|_)(kind|type|status|state|role|level|relation(ship|_type|_kind)?|art)$")
_SAYS = re.compile(
    r"(^|_)(repr|str|title|label|subject|description|comment|note|notes|text|body|message|memo)$"
)
_MEMBERS = re.compile(
    r"(member(ship)?|participant|attendee|subscriber|collaborator|beneficiar(y|ie)|(^|_)(editor|partner|user|people))s?$"
)
_MONEY = re.compile(
    r"(^|_)(betrag|saldo|steuer|ust|mwst|brutto|netto|montant|importe|iva|tva"
    r"|amount|amt|total|subtotal|vat|tax|net|gross|fees?|balance|debit|credit|paid)(_|$)"
)
_NO_MONEY = re.compile(
    r"(^|_)(dose|dosage|quantity|portion|serving|water|food|intake)_amount(_|$)|^(tax|vat)_(id|no)$"
    r"|(^|_)total_(\w+_)?(mass|weight|volume|distance|size|bytes|duration|time|days|hours|minutes|seconds|sleep|steps|reps|sets"
    r"|kcal|calor\w+|energy|protein|fat|carb\w*|fib(er|re)|sugar|score|points|count|items|rows|views|likes)(_|$)"
    r"|(^|_)(total|net|gross)_\w+_(lbs?|kg|g|mg|ml|km|min|sec|ms|pct|percent)$"
)
"""Sums of something else, and the number of a firm."""

_MEASURED = re.compile(
    r"(^|_)(units?|uom|weight|height|length|width|volume|distance|duration|temperature|pulse|dose|dosage|systolic|diastolic"
    r"|glucose|calories|kcal|kg|lbs?|mg|ml|mmol|bpm|lat|lng|latitude|longitude|score|grade|measured_(at|on|by)|einheit|gewicht)(_|$)"
)

_LEDGER = re.compile(
    r"(^|_)((rechnung|zahlung|mahnung|beleg|buchung|gutschrift|quittung|posten|factur|paiement|pago"
    r"|invoice|payment|payout|refund|receipt|donation|ledger)\w*|(bill|billing)s?(_|$))|(^|_)credit_?notes?"
    r"|^((sales|purchase|customer|shop|store|checkout)_)?orders?(_|$|items?$|lines?$)"
)
_MOVED = re.compile(
    r"(^|_)(transaction|transfer|charge|settlement|deposit|withdrawal|ueberweisung)s?$"
)
"""Ledgers only where they hold money: patients are transferred, too."""

_TRADE = re.compile(
    r"(^|_)(shipment|delivery_?note|dispatch_?note|packing_?list|lieferschein\w*)(s|e)?$"
)
_MEANS = re.compile(
    r"(method|account|card|source|profile|detail|setting|preference|option|token)s?$"
)
"""What somebody pays with or is paid by: no money moves in it."""

_AGREED = re.compile(
    r"(^|_)((vertrag|vertraeg|einwilligung|contract|consent|agreement|acceptance|signature|mandate|waiver"
    r"|warrant(y|ie)|certificate)\w*|(claim|tax(es|rate)?|licen[cs]e)s?(_|$))"
)
_PROOF = re.compile(
    r"(^|_)((erasure|deletion|removal|gdpr|dsar|privacy|complaint|incident|accident|dispute|chargeback|withdrawal|sanction|fraud"
    r"|abuse|violation|suspension|ban|audit|adverse|study|research|trial|kyc|aml|legal|evidence|payroll|salary|payslip|timesheet"
    r"|exam|grade|transcript|diploma)_?(request|report|event|log|trail|record|case|participant|check|result|entry|file"
    r"|register|registry|protocol)?(s|ies)?)(_|$)"
)
_NAME = re.compile(
    r"(^|_)(first|last|full|given|family|sur|display|user|nick|middle|maiden|legal|real|preferred|holder|owner|member|customer"
    r"|client|patient|contact|person|people|author|sender|recipient|receiver|payer|payee|guest|host|buyer|seller|guardian"
    r"|parent|child|mother|father|spouse|partner|kin|relative|emergency|employee|staff|doctor|nurse|student|teacher|attendee"
    r"|participant|subscriber|signer|beneficiary|insured|caller|visitor|account|login|contact_person)_?name$"
)
"""Names of people; those before `name` in other columns are things: facility_name."""

_EARLIER = re.compile(
    r"(^|_)(hist|hst|history|histories|old|prev|previous|former|earlier|past|was|versions?|changes?|archived?|alt|ancien|verlauf)(_|$)"
)
_ENDED = re.compile(
    r"(^|_)(until|ended|replaced|superseded|(valid|active|in_use)_(to|until|till))(_at|_on|_date)?$"
)

_FIRM = re.compile(r"(^|_)(vat|tax|ust|eori)_?id$")
_SHARED = re.compile(r"(account|household|famil(y|ie)|tenant|subscription|(^|_)team)s?$")
_ACTED = re.compile(
    r"(^|_)(taken|submitted|booked|requested|ordered|reserved|rated|answered|completed|purchased|bought|redeemed"
    r"|borrowed|sent)_by$"
)
"""What people do for themselves, and not to a row that somebody keeps."""

_ID = re.compile(
    r"(^|_)(ids?|uuid|guid|uid|pid|pk|oid|gid|user|owner|whodunnit|record|object|target)$"
)
_LEADS = re.compile(
    r"(^|_)(id|ids|uuid|guid|uid|pid|pk|oid|gid|ref|key|user|owner|person|account|member|customer|patient|client|employee|login|actor"
    r"|subject|whodunnit|username|mrn|record|object|target|parent)$"
)


def words(name: str) -> str:
    """Return a name in one way of writing: `createdById` is created_by_id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def wrote(column: str) -> bool:
    """Say whether a column is named after something that was done to the row: `created_by`."""
    return bool(_WROTE.search(re.sub(r"_?id$", "", words(column))))


def writer(column: str) -> bool:
    """Say whether a column names somebody for what they did to the row, and for nothing else: `author_id`."""
    return wrote(column) or bool(_AUTHOR.search(words(column)))


def changed(column: str) -> bool:
    """Say whether a column names somebody for what they did to a row that was there before: `last_edited_by_id`."""
    return bool(_CHANGED.search(words(column)))


def author(column: str) -> bool:
    """Say whether a column is named like somebody who did something to the row, and not like whom it is about."""
    return writer(column) or bool(_STAFF.search(words(column)))


def side(name: str) -> bool:
    """Say whether a column is named like one of two people between whom the row is."""
    return bool(_SIDE.search(words(name)))


def sends(column: str) -> bool:
    """Say whether a column is named like whoever said what stands in the row, to whomever it may be."""
    return bool(re.search(r"(^|_)(sender|from_user|from_person)(_|$)", words(column)))


def sort(column: str) -> bool:
    """Say whether a column is named like one that says which of a few kinds a row is."""
    return bool(_SORT.search(words(column)))


def says(column: str) -> bool:
    """Say whether a column is named like words about something: its values lead nowhere."""
    return bool(_SAYS.search(words(column)))


def acted(column: str) -> bool:
    """Say whether a column names somebody for what people do for themselves: `taken_by_id` of a test."""
    return bool(_ACTED.search(re.sub(r"_?id$", "", words(column))))


def shared(table: str) -> bool:
    """Say whether a table is named like what people belong to together."""
    return bool(_SHARED.search(words(table)))


def kept(column: str) -> bool:
    """Say whether a column is named like a time at which a row was written down, and at which nothing happened."""
    return bool(
        re.search(r"^(created|updated|modified|inserted|changed)(_(at|on))?$", words(column))
    )


def household(table: str) -> bool:
    """Say whether a table is named like those who live together, and not like a firm's account."""
    return bool(re.search(r"(household|famil(y|ie)|haushalt|foyer)", words(table)))


def members(table: str) -> bool:
    """Say whether a table is named like those who belong to something together."""
    return bool(_MEMBERS.search(words(table)))


def money(columns: tuple[str, ...]) -> list[str]:
    """Return the columns that are named like sums of money."""
    held = (name for name in columns if _MONEY.search(words(name)))
    return [name for name in held if not _NO_MONEY.search(words(name))]


def measured(column: str) -> bool:
    """Say whether a column is named like a unit or like what is measured of a body or a thing."""
    return bool(_MEASURED.search(words(column)))


def ledger(table: str) -> bool:
    """Say whether a table is named like one in which money that moved is written down."""
    name = words(table)
    return bool(_LEDGER.search(name)) and not _MEANS.search(name)


def moved(table: str) -> bool:
    """Say whether a table that holds money is named like a ledger."""
    return ledger(table) or bool(_MOVED.search(words(table)))


def of_trade(table: str) -> bool:
    """Say whether a table is named like a paper that goes with an order or an invoice."""
    return bool(_TRADE.search(words(table)))


def books(table: str, columns: tuple[str, ...]) -> str:
    """Return what names a table as books, an agreement or proof; nothing where no name does."""
    held = money(columns)
    name = words(table)
    named = ledger(table) or _AGREED.search(name) or _PROOF.search(name)
    return ", ".join(held[:3]) or (table if named else "")


def of_something(column: str) -> bool:
    """Say whether a column is named like the name of some thing, as facility_name, unless its values say otherwise."""
    name = words(column)
    return name.endswith("_name") and not _NAME.search(name)


def an_id(column: str) -> bool:
    """Say whether a column is named like a key of another row, and not like a word about it."""
    return bool(_ID.search(words(column))) and not _FIRM.search(words(column))


def plain(name: str) -> bool:
    """Say whether a name is one that needs no quotes in a path into JSON."""
    return bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name))


def earlier(table: str, column: str) -> bool:
    """Say whether a column is named like what was before: old_email, email_history.value, valid_to beside it."""
    return any(_EARLIER.search(words(name)) for name in (table, column))


def ended(column: str) -> bool:
    """Say whether a column is named like the time at which something ceased to be so."""
    return bool(_ENDED.search(words(column)))


def leads(column: str) -> bool:
    """Say whether a column is named like a reference to another row."""
    return bool(_LEADS.search(words(column))) and not _FIRM.search(words(column))
