"""How far the archive is behind its server, and where the server's word and the store are not the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backups.wal_g import lines
from backups.wal_g.listing import Backup
from backups.wal_g.log import Fork, Line, Segment
from backups.wal_g.watch import survey
from backups.wal_g.watch.holes import PROMOTED, holes
from backups.wal_g.watch.known import Known
from backups.wal_g.watch.lag import MAY_NOT, lag, late, stopped, untrue
from backups.wal_g.watch.survey import Kept, Said, Server
from backups.wal_g.words import WalG
from lifecycle.coverage import Reason
from lifecycle.outcome import Failure

SIZE = 2**24
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PROMISED = WalG.model_validate({"window": "7 days", "rpo": "5 minutes", "rto": "1 hour"})


def ago(**length: int) -> datetime:
    return NOW - timedelta(**length)


def name(number: int) -> str:
    return Segment(1, number).name(SIZE)


SERVER = Server(
    standby=False,
    archive_timeout=60,
    segment_size=SIZE,
    lsn=258 * SIZE + 40,
    segment=name(258),
    last_archived_wal=name(257),
    last_archived_time=ago(seconds=20),
    last_failed_wal=None,
    last_failed_time=None,
    failed_count=0,
    identifier=7,
    at=NOW,
)
FILES = {Segment(1, n): Kept(archived=True, closed=ago(seconds=20)) for n in (256, 257)}
STORED = {Segment(1, n): ago(hours=1) for n in (255, 256, 257)}
HEALTHY = Said(SERVER, FILES)


def said(server: Server, files: dict[Segment, Kept] | None = FILES) -> str:
    """Return all that is wrong with this server and a store of the three segments."""
    seen = Said(server, files)
    found = (
        *stopped(server),
        *untrue(seen, STORED),
        *late(PROMISED, server, lag(seen, STORED)),
    )
    return "; ".join(one.why if isinstance(one, Reason) else one.what for one in found)


def behind(
    closed: datetime | None, *, archived: bool = False
) -> tuple[Server, dict[Segment, Kept]]:
    """Return a server that has closed one more segment, and its files with that one."""
    server = replace(SERVER, lsn=259 * SIZE + 40, segment=name(259))
    more = {} if closed is None else {Segment(1, 258): Kept(archived, closed)}
    return server, FILES | more


def test_a_healthy_archive_is_behind_by_the_open_segment_alone() -> None:
    assert said(SERVER) == ""
    measured = lag(HEALTHY, STORED)
    assert (measured.newest, measured.bytes, measured.segments) == (Segment(1, 257), 40, 0)
    assert said(SERVER, None) == ""


def test_a_server_that_has_been_quiet_for_days_is_not_late() -> None:
    quiet = {one: ago(days=3) for one in STORED}
    measured = lag(HEALTHY, quiet)
    assert (measured.segments, measured.waited) == (0, timedelta())


def test_a_segment_that_was_closed_a_moment_ago_is_not_late() -> None:
    assert said(*behind(ago(seconds=3))) == ""
    assert said(*behind(None)) == ""


def test_a_segment_that_waits_is_late_where_it_was_open_for_so_long_before_that_the_rpo_is_over() -> (
    None
):
    assert said(*behind(ago(minutes=4))) == ""
    assert said(*behind(ago(minutes=4, seconds=1))) == (
        "1 closed segment of the log not in the store, the first for 4 min 1 s and open before for up to 60 s; "
        "5 minutes is promised"
    )


def test_without_the_right_to_see_when_it_was_closed_nobody_calls_it_late() -> None:
    server, _ = behind(None)
    assert said(server, None) == MAY_NOT.why


def test_11_a_server_whose_last_try_failed_says_so_itself() -> None:
    failing = replace(
        SERVER, last_failed_time=ago(seconds=5), last_failed_wal=name(258), failed_count=3
    )
    assert said(failing) == (
        "it failed on 000000010000000100000002 at 2026-11-27 11:59:55Z, 3 times in all, and nothing was archived "
        "since 2026-11-27 11:59:40Z"
    )
    assert said(replace(failing, last_failed_time=ago(hours=1))) == ""
    assert "archived ever" in said(replace(failing, last_archived_time=None))


def test_12_what_the_server_says_is_archived_and_the_store_does_not_have_is_found_by_name() -> None:
    server, files = behind(ago(seconds=3), archived=True)
    lying = replace(server, last_archived_wal=name(258))
    told = "the server says that it is archived, and the store does not have it"
    assert said(lying, files) == told
    assert said(lying, None).startswith(told), "its word alone is enough"
    [found] = untrue(Said(lying, files), STORED)
    assert found.target == "000000010000000100000002"


def test_12_a_hole_below_a_store_that_goes_on_is_found_while_the_server_still_has_the_segment() -> (
    None
):
    holed = {one: at for one, at in STORED.items() if one.number != 256}
    [found] = untrue(HEALTHY, holed)
    assert found.target == name(256)


def test_a_segment_that_has_ended_in_the_store_is_no_false_word() -> None:
    older = FILES | {Segment(1, 200): Kept(archived=True, closed=ago(days=9))}
    assert said(SERVER, older) == ""


def test_the_label_of_a_backup_that_was_archived_last_is_no_segment() -> None:
    assert said(replace(SERVER, last_archived_wal=f"{name(257)}.00000028.backup")) == ""
    assert said(replace(SERVER, last_archived_wal="00000002.history")) == ""


def test_13_a_server_that_archives_nothing_or_waits_for_ever_breaks_the_rpo() -> None:
    assert "set `archive_mode = on`" in said(replace(SERVER, archive_timeout=None))
    assert "archive_timeout = 0" in said(replace(SERVER, archive_timeout=0))
    assert "archive_timeout = 3600s" in said(replace(SERVER, archive_timeout=3600))


def test_a_drill_that_archived_on_a_later_timeline_hides_no_lag() -> None:
    server, files = behind(ago(minutes=10))
    measured = lag(Said(server, files), STORED | {Segment(2, 900): NOW})
    assert (measured.newest, measured.segments) == (Segment(1, 257), 1)


def test_an_empty_store_is_behind_by_all_of_the_log() -> None:
    measured = lag(HEALTHY, {})
    assert (measured.newest, measured.bytes, measured.segments) == (None, SERVER.lsn, 258)
    assert [one.target for one in untrue(HEALTHY, ())] == [name(256)]


def test_the_list_of_either_version_is_read_and_what_is_no_segment_is_passed_by() -> None:
    printed = [
        "type size last modified                           name",
        "obj  2    2026-11-27 17:41:00.227914061 +0000 UTC 000000010000000100000002.lz4",
        "obj  2    2026-11-27 19:41:00 +0200 CEST 0000000100000001000000FF.zst",
        "obj  2    2026-11-27 17:41:00 +0000 UTC 000000010000000100000003",
        "obj  2    2026-11-27 17:41:00 +0000 UTC 000000010000000100000002.00000028.backup.lz4",
        "obj  2    2026-11-27 17:41:00 +0000 UTC 000000010000000100000004.partial.lz4",
        "obj  2    2026-11-27 17:41:00 +0000 UTC 00000002.history.lz4",
        # Version 3, of a bucket with versions: the newest of a name comes first.
        "obj  2    2026-11-27 17:41:00 +0000 UTC 000000010000000100000005.lz4 01M8GR7MTGBD045J5GWBY5K80W LATEST",
        "obj  1    2026-11-26 17:41:00 +0000 UTC 000000010000000100000005.lz4 01M8GR7MSTSNTFD18PPW01VEE3 ",
        "obj  1    2026-11-27 17:41:00 +0000 UTC 000000010000000100000006.lz4  ",
        "dir  0    2026-11-27 17:41:00 +0000 UTC metadata/",
        "",
    ]
    at = datetime(2026, 11, 27, 17, 41, tzinfo=UTC)
    found = survey.parse(lines.files("\n".join(printed)), SIZE)
    assert found.segments == {Segment(1, n): at for n in (258, 511, 259, 261, 262)}
    assert found.histories == {2: at}


def base(segment: Segment) -> Backup:
    """Return a base backup that begins in this segment."""
    said = {
        "backup_name": "base_of_tonight",
        "wal_file_name": segment.name(SIZE),
        "time": NOW,
        "start_time": NOW,
        "finish_time": NOW,
        "pg_version": 150018,
        "start_lsn": 0,
        "finish_lsn": 9,
    }
    return Backup.model_validate(said)


def missing(since: Segment, *lacking: int, files: dict[Segment, Kept] | None = None) -> str:
    """Return what is missing of a store that has segments 250 to 257 but for some."""
    stored = {Segment(1, n) for n in range(250, 258)} - {Segment(1, n) for n in lacking}
    told = holes(Said(SERVER, files), stored, [base(since)], Line(1))
    return "; ".join(one.why if isinstance(one, Reason) else one.what for one in told)


def test_1_a_segment_that_is_missing_since_the_newest_base_backup_is_a_hole_by_name() -> None:
    assert missing(Segment(1, 252)) == ""
    assert missing(Segment(1, 252), 254, 255) == (
        f"2 segments of the log since base_of_tonight not in the store, the first is {name(254)}: "
        "no moment after it can be come back to"
    )
    assert name(252) in missing(Segment(1, 252), 252), "the base backup's own first segment"


def test_1_a_hole_from_before_the_newest_base_backup_keeps_nobody_from_coming_back_to_now() -> None:
    assert missing(Segment(1, 254), 252) == ""


def test_what_the_server_has_still_to_archive_is_no_hole_where_several_are_stored_at_once() -> None:
    waits = {Segment(1, 255): Kept(archived=False, closed=ago(seconds=1))}
    assert missing(Segment(1, 252), 255, files=waits) == ""
    assert missing(Segment(1, 252), 255, files={Segment(1, 255): Kept(True, NOW)}) != ""


def test_1_a_gap_that_somebody_knows_of_hides_no_other() -> None:
    word = Known(name(254), name(255), "a disk was full", "ops", NOW)
    stored = {Segment(1, n) for n in (250, 251, 252, 256, 257)}
    told = list(holes(Said(SERVER, None, known=(word,)), stored, [base(Segment(1, 252))], Line(1)))
    assert [one.target for one in told if isinstance(one, Failure)] == [name(253)]
    kept = FILES | {Segment(1, 254): Kept(archived=True, closed=ago(hours=1))}
    assert list(untrue(Said(SERVER, kept, known=(word,)), stored)) == []
    assert [one.target for one in untrue(Said(SERVER, kept), stored)] == [name(254)]


def promoted(line: Line | None, *lacking: Segment) -> str:
    """Return what is missing of the log of a server that was promoted in segment 254, base backup before."""
    server = replace(SERVER, segment=Segment(2, 258).name(SIZE))
    stored = {Segment(1, n) for n in range(250, 256)} | {Segment(2, n) for n in range(254, 258)}
    told = holes(Said(server, None), stored - set(lacking), [base(Segment(1, 252))], line)
    return "; ".join(one.why if isinstance(one, Reason) else one.what for one in told)


def test_21_across_a_promotion_the_log_is_whole_where_it_leads_on_from_the_base_backup() -> None:
    line = Line(2, (Fork(1, 254 * SIZE + 8),))
    assert promoted(line) == ""
    assert promoted(line, Segment(1, 254)) == "", "recovery reads the promoted one's"
    assert Segment(2, 254).name(SIZE) in promoted(line, Segment(2, 254))
    assert Segment(1, 253).name(SIZE) in promoted(line, Segment(1, 253))
    assert promoted(None) == PROMOTED.why
    assert "none leads" in promoted(Line(2, (Fork(1, 251 * SIZE),)))


def test_a_store_without_a_base_backup_of_this_server_has_nothing_to_lead_on_from() -> None:
    [told] = holes(HEALTHY, STORED, [], Line(1))
    assert isinstance(told, type(next(untrue(HEALTHY, ()))))
