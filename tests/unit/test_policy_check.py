"""What `policy check` refuses in a file by itself: names that do not belong together, spans, schedules, open decisions."""

import copy
import json
from typing import Any

import pytest

from lifecycle.config.mistake import dotted
from lifecycle.policy import check, whole
from lifecycle.policy.model import Policy

GOOD: dict[str, Any] = {
    "system": "library",
    "database": "library",
    "timezone": "Europe/Berlin",
    "schedule": {"retention.expire": "30 2 * * *"},
    "limits": {"floor": "30 days"},
    "partitions": {"visits": {"by": "at", "every": "month", "ahead": 2}},
    "retention": [
        {"table": "visits", "after": "2 years", "do": "delete", "because": "x"},
        {"table": "billing.invoices.note", "by": "sent_at", "after": "31 days", "do": "clear", "because": "x"},
    ],
    "subjects": {
        "member": {"table": "members", "key": "member_id", "identifiers": ["email"], "payer": {"column": "households.payer"}}
    },
    "tables": {
        "members": {"owner": {"member": "member_id"}},
        "households": {"owner": {"member": {"shared_by": "members.household_id"}}},
        "billing.invoices": {"owner": {"member": "member_id"}},
        "visits": {"owner": {"member": "member_id"}, "mentions": {"met": "set null"}},
        "log": {"owner": {"member": "member_id"}},
        "requests": {"owner": {"member": "member_id"}, "keep": {"clear": ["member_id"], "because": "x"}},
        "books": {"personal": "none", "because": "a catalogue"},
    },
    "audit": {
        "table": "log", "subject": "member_id", "actor": "by", "record": "id", "named": "of",
        "values": ["before", "after"], "of_actor": ["ip"], "keep": {"members": ["city"]},
    },
    "erasure": {
        "subject": "member", "grace": "30 days",
        "requests": {
            "table": "requests", "key": "id", "subject": "member_id", "requested": "at", "due": "due",
            "status": "status", "completed": "done",
        },
    },
}  # fmt: skip


def changed(change: dict[str, Any]) -> Policy:
    """Return the good policy with dotted paths set; None takes the key out."""
    data = copy.deepcopy(GOOD)
    for path, value in change.items():
        *above, last = path.split("/")
        place: Any = data
        for part in above:
            place = place[int(part) if part.isdigit() else part]
        if value is None:
            del place[last]
        elif last.isdigit():
            place.append(value)
        else:
            place[last] = value
    return whole.model().model_validate_json(json.dumps(data))


def told(change: dict[str, Any]) -> list[str]:
    return [f"{dotted(m.path)}: {m.what}" for m in check.check(changed(change))]


def test_a_good_policy_has_no_mistakes():
    assert told({}) == []


BOOKS = {"books": {"tables": ["visits"], "least": "10 years", "because": "AO 147"}}
RULE = {"table": "visits", "after": "2 years", "do": "delete", "because": "x"}


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone: no time zone is called 'Mars/Olympus'"),
        ({"timezone": "../../etc/passwd"}, "timezone: no time zone is called '../../etc/passwd'"),
        ({"schedule/retention.expire": "61 2 * * *"}, "schedule.retention.expire: '61 2 * * *' is not a cron expression"),
        ({"schedule/retention.expire": "0 0 31 2 *"}, "schedule.retention.expire: '0 0 31 2 *' is "),
        ({"partitions/vists": GOOD["partitions"]["visits"]}, "partitions.vists: table 'vists' is not declared under `tables`"),
        ({"tables/visits": None}, "partitions.visits: table 'visits' is not declared"),
        ({"tables/log": None}, "audit.table: table 'log' is not declared"),
        ({"tables/requests": None}, "erasure.requests.table: table 'requests' is not declared"),
        ({"tables/households": None}, "subjects.member.payer.column: table 'households' is not declared"),
        ({"audit/keep/nobody": []}, "audit.keep.nobody: table 'nobody' is not declared"),
        ({"tables/public.x": {"personal": "none", "because": "x"}}, "tables.public.x: schema public is not written"),
        ({'tables/"Books"': {"personal": "none", "because": "x"}}, 'tables."Books": quotes in a name'),
        ({"tables/books/because": "DECIDE: whose?"}, "tables.books.because: a draft left this open for a person: whose?"),
        ({"tables/members/owner": {"member": "email"}}, "tables.members: the table of subject 'member' is not owned by its own key"),
        ({"tables/visits/owner": {"membr": "member_id"}}, "tables.visits.owner.membr: no subject is called 'membr'"),
        ({"tables/visits/owner": {}}, "tables.visits.owner: nobody is named"),
        ({"tables/households/owner/member": {"shared_by": "visits.x"}}, "tables.households.owner.member.shared_by: not a column of 'members'"),
        ({"tables/visits/mentions": {"member_id": "set null"}}, "tables.visits.mentions.member_id: 'member_id' has two sentences: owner.member and mentions"),
        ({"subjects/member/identifiers": ["email", "email"]}, "subjects.member.identifiers: column 'email' is there twice"),
        ({"limits/floor": "23 hours"}, "limits.floor: 23 hours is shorter than a day"),
        ({"retention/0/after": "29 days"}, "retention[0].after: 29 days is below the floor of 30 days"),
        ({"retention/0/after": "1 month"}, "retention[0].after: 1 month is below the floor of 30 days"),
        ({"limits/floor": "1 month", "retention/0/after": "30 days"}, "retention[0].after: 30 days is below the floor of 1 month"),
        ({"limits/floors": BOOKS}, "retention[0].after: 2 years is below the floor of books, 10 years (AO 147)"),
        ({"limits/floors": BOOKS, "retention/0/archive": True, "retention/0/keep": "9 years", "archives": {"bucket": "b"}}, "retention[0].after: 2 years or 9 years is below the floor of books"),
        ({"limits/floors": BOOKS, "retention/0/after": None, "retention/0/expires": "ends"}, "retention[0].expires: what ends says is below the floor of books"),
        ({"limits/floors": BOOKS, "retention/0/table": "visits.door", "retention/0/do": "clear"}, "retention[0].after: 2 years is below the floor of books"),
        ({"limits/floors": {"books": BOOKS["books"] | {"tables": ["vists"]}}}, "limits.floors.books.tables[0]: no table is called 'vists'"),
        ({"limits/floors": {"books": BOOKS["books"] | {"least": "20 days"}}}, "limits.floors.books.least: 20 days is below the floor of all tables, 30 days"),
        ({"retention/2": RULE}, "retention[2].table: a second rule for 'visits' (the first is retention[0])"),
        ({"retention/0/do": "clear"}, "retention[0].table: `do: clear` needs a column"),
        ({"retention/0/do": "drop", "retention/0/table": "visits.door"}, "retention[0].table: `do: drop` ends whole rows, not a column"),
        ({"retention/0/do": "drop", "retention/0/table": "log"}, "retention[0].table: rows of 'log' are never deleted: it is the audit log"),
        ({"retention/0/do": "drop", "tables/visits/objects": ["scan_key"], "tables/visits/bucket": "scans"}, "retention[0].table: scan_key of visits lead to objects, which this rule would leave behind"),
        ({"archives": {"bucket": "b"}, "retention/2": RULE | {"do": "drop", "after": "1 year"}, "retention/0/archive": True}, "retention[2].after: partitions would be dropped before retention[0] has taken their rows"),
        ({"retention/0/archive": True}, "retention[0].archive: the policy names no bucket for archives"),
        ({"retention/0/table": "visits.door"}, "retention[0].table: `do: delete` ends whole rows, not a column"),
        ({"retention/0/table": "log"}, "retention[0].table: rows of 'log' are never deleted: it is the audit log"),
        ({"retention/0/table": "requests"}, "retention[0].table: rows of 'requests' are never deleted"),
        ({"tables/visits/objects": ["scan_key"], "tables/visits/bucket": "scans"}, "retention[0].table: scan_key of visits lead to objects, which this rule would leave behind"),
        ({"tables/log": {"personal": "none", "because": "x"}}, "tables.log: the audit log holds personal data"),
        ({"audit/values": ["before", "by"]}, "audit: column 'by' has two parts to play"),
        ({"erasure/subject": "mmber"}, "erasure.subject: no subject is called 'mmber'"),
        ({"tables/requests/keep": None}, "tables.requests: requests would be erased with their person, and with them the proof"),
        ({"erasure/requests/subject": "who"}, "tables.requests.owner: a request is about whom 'who' names"),
        ({"erasure/grace": "40 days"}, "erasure.grace: a grace of 40 days ends after the deadline of 1 month"),
        ({"erasure/requests/states": {"pending": "open", "completed": "open"}}, "erasure.requests.states: two states are spelled alike"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_at_its_place(change: dict[str, Any], mistake: str):
    assert any(line.startswith(mistake) for line in told(change)), told(change)


@pytest.mark.parametrize(
    "change",
    [
        {"limits/floor": "1 month", "retention/0/after": "1 month", "retention/1/after": "31 days"},
        {
            "limits/floor": "12 months",
            "retention/0/after": "1 year",
            "retention/1/after": "2 years",
        },
        {"limits/floor": "1 day", "retention/0/after": "1 day"},
        {
            "retention/2": {
                "table": "visits.door",
                "after": "31 days",
                "do": "clear",
                "because": "x",
            }
        },
        {"schedule/retention.expire": "@daily"},
        {"audit": None},
        {"erasure": None},
    ],
)
def test_what_makes_sense_is_let_through(change: dict[str, Any]):
    assert told(change) == []


def test_all_mistakes_are_found_at_once_and_say_what_to_write():
    found = check.check(
        changed(
            {
                "timezone": "X",
                "limits/floor": "1 hour",
                "tables/books/because": "DECIDE",
                "erasure/subject": "x",
            }
        )
    )
    assert len(found) == 4
    assert all(m.instead for m in found)
